"""What names of metrics say about when there is a value of them."""


def is_of_validation(name: str) -> bool:
    """Whether there is a value after each validation: `val_…`."""
    return name.startswith("val_")


def is_of_training_epoch(name: str) -> bool:
    """Whether there is a value when an epoch of training has ended: `train_…`, but for what is of a step alone."""
    return name.startswith("train_") and not name.endswith("_step")
