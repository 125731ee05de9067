"""From words, files and variables to values, and from mistakes to sentences."""
