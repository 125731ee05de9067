"""Transforms of an image and of a batch, and lists of them by name."""
