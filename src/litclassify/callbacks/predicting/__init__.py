"""What is written of the images that a run classifies."""
