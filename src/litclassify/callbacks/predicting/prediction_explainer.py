"""Pictures of where images show the classes that are predicted for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from litclassify.callbacks.evaluation.activation_maps import activation_layer, activation_maps
from litclassify.callbacks.sharding import is_sharded
from litclassify.errors import UserError
from litclassify.files.output_places import make_writable, write_refusals_named
from litclassify.models import ImageClassifier, Prediction
from litclassify.predictions import PredictionSource, escape_forbidden, places_of_process
from litclassify.suggestions import nearest, some_of

# Characters of a file's and of a class's name, of at most 4 bytes each: file systems allow 255 bytes.
MAX_CHARACTERS = 25


class PredictionExplainer(Callback):
    """Write a picture of each image, beside where it shows its predicted class, or another (Grad-CAM).

    Pictures are named for the place of the image in the table of predictions, its file, the class and its
    probability: `000012_photo_cat_0.97.png`. Images that cannot be read have none. It takes about the time of a second
    prediction.

    Args:
        folder: Where they are written; it is made if it does not exist. Pictures of the same names are replaced.
        class_names: Names of the K classes.
        class_name: The class to explain; None takes the predicted one, of several labels the most probable.
        source: Where images come from. None for data of which no more is known than the batches.

    Raises:
        UserError: There is no such class.
    """

    def __init__(
        self,
        folder: Path,
        class_names: Sequence[str],
        class_name: str | None = None,
        source: PredictionSource | None = None,
    ) -> None:
        if class_name is not None and class_name not in class_names:
            raise UserError(
                f"--explain_class '{class_name}' is none of the classes: {some_of(class_names)}."
                f"{nearest(class_name, class_names)}"
            )
        self.folder = folder
        self.class_names = list(class_names)
        self.class_index = None if class_name is None else self.class_names.index(class_name)
        self.source = source
        self._layer: str | None = None
        self._num_seen = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make the folder.

        Raises:
            UserError: It cannot be made, or not be written to, or no process has the whole network.
        """
        if is_sharded(trainer):
            name = type(trainer.strategy).__name__
            raise UserError(f"--explain needs the whole network, and {name} divides it: take trainer.strategy ddp.")
        make_writable("--explain", self.folder)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on where an interrupted prediction ended."""
        self._num_seen = self.source.predicted_batches * self.source.batch_size if self.source else 0

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Prediction,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the pictures of a batch.

        Raises:
            UserError: The network keeps no positions in the image apart, or nothing can be written.
        """
        from litclassify.callbacks.predicting.explanation_picture import write_picture  # noqa: PLC0415 - matplotlib is slow

        assert isinstance(pl_module, ImageClassifier)
        images = batch if isinstance(batch, torch.Tensor) else batch[0]
        names = self._names(trainer, len(images))
        errors = ([""] * len(images)) if isinstance(batch, torch.Tensor) or len(batch) < 3 else batch[2]  # noqa: PLR2004
        readable = [i for i, error in enumerate(errors[: len(names)]) if not error]
        if not readable:
            return
        classes = outputs["index"][readable]
        if self.class_index is not None:
            classes = torch.full_like(classes, self.class_index)
        shown = images[readable]
        self._layer = self._layer or activation_layer(trainer, pl_module, shown)
        maps = activation_maps(trainer, pl_module, shown, classes, self._layer)
        probabilities = outputs["probabilities"][readable].gather(1, classes[:, None])[:, 0].tolist()
        labels = [self.class_names[index] for index in classes.tolist()]
        pixels = (shown if shown.dtype == torch.uint8 else shown.float()).cpu().numpy()  # NumPy has no bfloat16.
        with write_refusals_named("--explain", self.folder):
            for i, label, probability, image, one in zip(readable, labels, probabilities, pixels, maps, strict=True):
                name = f"{names[i]}_{_short(label)}_{probability:.2f}.png"
                write_picture(self.folder / name, image, one)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say where the pictures are."""
        rank_zero_info(f"Wrote pictures of where images show their classes to {self.folder}.")

    def _names(self, trainer: Trainer, count: int) -> list[str]:
        """Name the next images; a process that was given images to take part only has no names for them."""
        start, self._num_seen = self._num_seen, self._num_seen + count
        if self.source is None:
            return [f"{trainer.global_rank + i * trainer.world_size:06d}" for i in range(start, start + count)]
        places = places_of_process(self.source, trainer.global_rank, trainer.world_size)[start : start + count]
        paths = self.source.predict_dataset.paths
        return [f"{place:06d}_{_short(Path(paths[place]).stem)}" for place in places]


def _short(name: str) -> str:
    return escape_forbidden(name[:MAX_CHARACTERS])
