"""What runs have reached, read from their files without loading a checkpoint or importing torch."""
