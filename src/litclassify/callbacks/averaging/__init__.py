"""Averages of the weights of several steps."""
