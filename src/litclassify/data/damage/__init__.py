"""What is done about images that cannot be read."""
