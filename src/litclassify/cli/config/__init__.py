"""What a config holds: keys, files, lines, and the classes that it may name."""
