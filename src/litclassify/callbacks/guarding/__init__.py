"""What goes wrong in a training, and stops it or is reported."""
