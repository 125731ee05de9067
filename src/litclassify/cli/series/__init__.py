"""Several runs of one command line: other seeds, or the folds of a cross-validation."""
