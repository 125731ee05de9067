"""Data sets of images: from files, in memory, in a cache."""
