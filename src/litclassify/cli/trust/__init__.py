"""Which code a config may reach."""
