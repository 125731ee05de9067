"""Runs: their directories, and what is recorded of each."""
