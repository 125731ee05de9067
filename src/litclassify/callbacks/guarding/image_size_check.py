"""Whether a network for small images gets large ones."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from litclassify.networks.factory import Network

LARGEST_SIDE = 96
USUAL_SIDE = 32


class ImageSizeCheck(Callback):
    """Warn, before training, of a network that keeps the size of images in its first layers, where these are large.

    Memory and time grow with the area.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Compare the network with the images of the data."""
        network = getattr(pl_module, "network", None)
        shape = getattr(trainer.datamodule, "image_shape", None)  # type: ignore[attr-defined] # set by its data connector
        if stage != "fit" or shape is None or not isinstance(network, Network) or not network.for_small_images:
            return
        _, height, width = shape
        if max(height, width) > LARGEST_SIDE:
            rank_zero_warn(
                f"model.network {type(network).__name__} is made for images of up to {LARGEST_SIDE}x{LARGEST_SIDE} "
                f"pixels and gets {height}x{width}, which takes {height * width / USUAL_SIDE**2:.0f} times the memory "
                f"and time of {USUAL_SIDE}x{USUAL_SIDE}. Set --data.image_size {LARGEST_SIDE} or less, or take a "
                "network for large images, such as TorchvisionNetwork."
            )
