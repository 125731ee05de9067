"""What Lightning prints that says nothing to the user of this application."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# The data modules choose the number of workers by what is fastest for their data.
WORKERS_ADVICE = r".*does not have many workers which may be a bottleneck.*"
# A run that is resumed goes on in its own directory.
NOT_EMPTY = r"Checkpoint directory .* exists and is not empty.*"
# A continuation under a name of its own keeps its checkpoints in its own run.
OTHER_DIRECTORY = r"The dirpath has changed from .*"
# Lightning's own use of torch: https://github.com/Lightning-AI/pytorch-lightning/issues/21326
LEAF_SPEC = r".*isinstance\(treespec, LeafSpec\).*"
# Who asks for a barebones Trainer knows that it logs nothing.
BAREBONES = r"You are trying to `self.log\(\)` but `Trainer\(barebones=True\)`.*"
ADVERTISEMENTS = ("💡 Tip", "TPU available")


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(ADVERTISEMENTS)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Leave out advertisements, and warnings about what this application decides itself."""
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    logger.addFilter(_is_no_advertisement)
    try:
        with warnings.catch_warnings():
            for message in (WORKERS_ADVICE, NOT_EMPTY, OTHER_DIRECTORY, LEAF_SPEC, BAREBONES):
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.removeFilter(_is_no_advertisement)
