"""Train, evaluate and ship image classifiers with Lightning, torchvision and TensorBoard."""

__version__ = "0.1.0"
