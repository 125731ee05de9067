"""Which image files there are, and what labels they have."""
