"""Images by the features that the network's head sees of them."""

from collections.abc import Iterator, Sequence, Sized
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from google.protobuf import text_format
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from litclassify.callbacks.evaluation.evaluation_collector import check_classifier, evaluation_of
from litclassify.callbacks.evaluation.loader_images import image_paths, single_loader
from litclassify.callbacks.tensorboard.feature_collector import FeatureCollector
from litclassify.callbacks.tensorboard.writers import has_tensorboard, tensorboard_writers
from litclassify.errors import UserError
from litclassify.evaluation import AnyEvaluation
from litclassify.models import ImageClassifier
from litclassify.networks import head_module_of
from litclassify.predictions import separator_of

CONFIG = "projector_config.pbtxt"
COLUMNS = ["target", "prediction", "right", "path"]
# A browser takes one picture of 8192x8192 pixels for all thumbnails.
MAX_IMAGES = 10_000


class EmbeddingProjector(Callback):
    """Shows images in TensorBoard's projector, near to each other where the network finds them alike.

    They are evenly drawn from the last validation, and from a test, as the input of the network's last layer; features
    of several places in an image are averaged. Colour them by target, by prediction, or by whether that is right.
    Several labels of an image are one name, joined by the separator of the table.

    Args:
        max_images: At most this many of each, from 1 to 10,000.
    """

    def __init__(self, max_images: int = 1000) -> None:
        if not 1 <= max_images <= MAX_IMAGES:
            raise UserError(f"EmbeddingProjector.max_images must be from 1 to {MAX_IMAGES}, got {max_images}.")
        self.max_images = max_images
        self._features: FeatureCollector | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse, before training, a model that is not a classifier, and a network of which the head is not known."""
        if stage in ("fit", "test"):
            check_classifier(self, pl_module)
            self._head_of(pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the features of this validation, in place of the one before."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._start(trainer, pl_module, trainer.val_dataloaders)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the features."""
        self._start(trainer, pl_module, trainer.test_dataloaders)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep some images."""
        if self._features is not None:
            self._features.add(batch[0], outputs)

    on_test_batch_end = on_validation_batch_end

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the network run as before."""
        if self._features is not None:
            self._features.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Let the network run as before: what ended the evaluation may be caught."""
        self.on_validation_end(trainer, pl_module)
        self._features = None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write those of the last validation."""
        self._write(trainer, pl_module, "val", trainer.val_dataloaders)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write them, and let the network run as before."""
        self.on_validation_end(trainer, pl_module)
        self._write(trainer, pl_module, "test", trainer.test_dataloaders)

    def _start(self, trainer: Trainer, pl_module: LightningModule, loaders: Any) -> None:
        if not has_tensorboard(trainer):
            return
        dataset = getattr(single_loader(loaders), "dataset", ())
        # Folders come class by class: the first images would be of one or two.
        self._step = -(-len(dataset) // self.max_images) if isinstance(dataset, Sized) and len(dataset) else 1
        self._features = FeatureCollector(self._head_of(pl_module), self._step)

    def _head_of(self, pl_module: LightningModule) -> nn.Module:
        assert isinstance(pl_module, ImageClassifier)
        return head_module_of(pl_module.network, len(pl_module.class_names), type(self).__name__)

    def _write(self, trainer: Trainer, pl_module: LightningModule, split: str, loader: Any) -> None:
        collected, self._features = self._features, None
        if collected is None:
            return
        gathered = [column[: self.max_images] for column in collected.gather(trainer)]
        if not gathered:
            rank_zero_warn(f"EmbeddingProjector shows nothing of {split}: the network does without its head.")
        elif trainer.is_global_zero:
            assert isinstance(pl_module, ImageClassifier)
            features, pictures, targets, logits = gathered
            evaluation = evaluation_of(pl_module, logits, targets)
            paths = image_paths(single_loader(loader), self._indices(len(targets), trainer), split)
            rows = _rows(evaluation, paths, separator_of(trainer.datamodule))  # type: ignore[attr-defined]
            for writer in tensorboard_writers(trainer):
                _project(writer, split, trainer.global_step, features, torch.from_numpy(pictures) / 255, rows)

    def _indices(self, count: int, trainer: Trainer) -> Iterator[int]:
        """Give the place of each image in the data set: process r of W has every W-th one from r."""
        for i in range(count):
            turn, rank = divmod(i, trainer.world_size)
            yield turn * self._step * trainer.world_size + rank


def _rows(evaluation: AnyEvaluation, paths: Sequence[str], separator: str) -> list[list[str]]:
    """Say of each image what `COLUMNS` names."""
    right = ["right" if correct else "wrong" for correct in evaluation.correct.tolist()]
    rows = [list(row) for row in zip(*evaluation.answers(separator), right, paths, strict=True)]
    return [[" ".join(text.split()) for text in row] for row in rows]  # Tabs and line ends separate what is written.


def _project(
    writer: SummaryWriter, split: str, step: int, features: NDArray[np.float32], pictures: Tensor, rows: list[list[str]]
) -> None:
    """Write features (N, D), float pictures (N, 3, S, S) and rows of text, in place of earlier ones of the split."""
    path = Path(writer.log_dir, CONFIG)
    config = text_format.Parse(path.read_text() if path.is_file() else "", ProjectorConfig())
    others = [info for info in config.embeddings if not info.tensor_name.startswith(f"{split}:")]
    # SummaryWriter knows of none that another process wrote, and writes the file anew.
    writer._projector_config = ProjectorConfig(embeddings=others)
    with redirect_stdout(StringIO()):  # It says that the folder exists, where a test is repeated.
        writer.add_embedding(features, rows, pictures, step, split, COLUMNS)
