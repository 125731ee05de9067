"""A training loss that is not finite: where it was, and what a person wants to know of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import DistributedSampler

from litclassify.files.file_ages import newest_first

NAMED_IMAGES = 5
NAMED_WEIGHTS = 3


@dataclass(frozen=True)
class BadLoss:
    """A training loss that is not finite. Step, epoch and batch count from 0, as in TensorBoard."""

    value: float
    step: int
    """Steps of the optimizer."""
    epoch: int
    batch: int
    images: str
    """The first of the batch by name, and how many there are; empty where that is not known."""

    def __str__(self) -> str:
        text = f"the training loss is {self.value} at step {self.step} (epoch {self.epoch}, batch {self.batch})"
        return f"{text}, of {self.images}" if self.images else text


def images_of_batch(trainer: Trainer, batch: int) -> str:
    """Name the images of a batch of the current epoch and of this process.

    They are known where the data set has `paths`, one for each sample, and the order of samples is a function of the
    epoch; another order could not be asked for a second time.
    """
    loader: Any = trainer.train_dataloader
    sampler: Any = getattr(loader, "sampler", None)
    dataset: Any = getattr(loader, "dataset", None)
    if not isinstance(sampler, DistributedSampler) or not hasattr(dataset, "paths") or loader.batch_size is None:
        return ""
    order = list(sampler)
    # After a resumption in the middle of an epoch, a sampler may give the rest of it alone.
    first = batch * loader.batch_size - (len(sampler) - len(order))
    draws = order[first : first + loader.batch_size]
    names = [f"'{dataset.paths[draw % len(dataset.paths)]}'" for draw in draws[:NAMED_IMAGES]]
    return ", ".join(names) + (f" … ({len(draws)} images)" if len(draws) > NAMED_IMAGES else "")


def newest_checkpoint(trainer: Trainer) -> Path | None:
    """Give the newest checkpoint of this run, or the one that it was resumed from; None if there is none."""
    recorded: list[str] = [str(trainer.ckpt_path or "")]
    for callback in trainer.checkpoint_callbacks:
        recorded += [getattr(callback, name, "") for name in ("last_model_path", "best_model_path")]
    files = newest_first(Path(path) for path in recorded if path)
    return next(filter(Path.is_file, files), None)


def advice(trainer: Trainer) -> Iterator[str]:
    """Give the lines for a training that ends over its loss: learning rate, checkpoint, remedies."""
    rates = sorted({float(group["lr"]) for optimizer in trainer.optimizers for group in optimizer.param_groups})
    yield f"learning rate: {', '.join(f'{rate:.4g}' for rate in rates)}"
    checkpoint = newest_checkpoint(trainer)
    if checkpoint is None:
        yield "There is no checkpoint yet to go on from."
    else:
        yield f"last good checkpoint: {checkpoint}"
        yield f"Go on from it: fit --ckpt_path {checkpoint}"
        yield f"or, where optimizer or schedule shall change, from its weights: fit --model.init_from {checkpoint}"
    yield f"What may help: {', '.join(_remedies(trainer))}. --trainer.detect_anomaly true shows where it begins."


def _remedies(trainer: Trainer) -> Iterator[str]:
    yield "a lower --model.optimizer.lr"
    if not trainer.gradient_clip_val:
        yield "--trainer.gradient_clip_val 1"
    if not trainer.precision.startswith(("32", "64")):
        yield "--trainer.precision 32-true"


def not_finite(values: Iterable[tuple[str, Tensor]]) -> str:
    """Name the first weights that hold values which are not finite; "" if all are finite."""
    names = [name for name, value in values if value.is_floating_point() and not value.isfinite().all()]
    more = len(names) - NAMED_WEIGHTS
    return ", ".join(names[:NAMED_WEIGHTS]) + (f" and {more} more" if more > 0 else "")
