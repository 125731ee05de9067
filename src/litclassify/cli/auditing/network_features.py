"""What a trained network makes of images: the features that its head sees."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from litclassify.audit.features import Features
from litclassify.callbacks.tensorboard.feature_collector import pooled
from litclassify.cli.auditing.predicting import Predicting, quiet_trainer
from litclassify.networks import head_module_of


def network_features(checkpoint: Path, paths: Sequence[str]) -> Features:
    """Give the features of image files, prepared as `predict` does.

    Args:
        checkpoint: Of a classifier, whatever its classes.
        paths: Of N images, at least one.

    Returns:
        Float32 (N, F), averaged over places of an image; NaN for an image that cannot be read.

    Raises:
        UserError: The checkpoint has no network whose head is known, or cannot be built.
    """
    run = Predicting("predict", checkpoint, "--data.path", paths[0])
    run.model.test_time_augmentation = None
    watch = _HeadInputs(head_module_of(run.model.network, len(run.model.class_names), "audit --ckpt_path"))
    trainer = quiet_trainer(callbacks=[watch])
    try:
        trainer.predict(run.model, run.datamodule.files_dataloader(paths), return_predictions=False)
    finally:
        watch.hook.remove()
    features: Features = torch.cat(watch.batches).numpy()
    return features


class _HeadInputs(Callback):
    """Keeps what a module is given for each batch, with NaN for images that cannot be read."""

    def __init__(self, head: nn.Module) -> None:
        self.hook = head.register_forward_pre_hook(self._see)
        self.batches: list[Tensor] = []

    def _see(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.batches.append(pooled(inputs[0]).cpu())

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Mark the images of the batch that cannot be read: in their place the network saw black."""
        if len(batch) == 3:  # noqa: PLR2004
            self.batches[-1][[bool(reason) for reason in batch[2]]] = torch.nan
