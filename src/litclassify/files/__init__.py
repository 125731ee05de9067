"""How files of all kinds are opened, trusted and written."""
