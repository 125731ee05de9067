"""The picture of a search for a learning rate."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image, ImageDraw

from litclassify.callbacks.tensorboard.writers import tensorboard_writers

WIDTH, HEIGHT, MARGIN = 640, 400, 48
INK, CURVE, MARK = "black", "#1f77b4", "#d62728"


class RateCurve(Callback):
    """Writes the picture into the run, and shows it in TensorBoard.

    Args:
        picture: What `draw_curve` gives.
        path: PNG file.
    """

    def __init__(self, picture: Image.Image, path: Path) -> None:
        self.picture = picture
        self.path = path

    @rank_zero_only
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write it once."""
        self.picture.save(self.path)
        for writer in tensorboard_writers(trainer):
            writer.add_image("lr_search", np.asarray(self.picture), dataformats="HWC")


def draw_curve(rates: Sequence[float], losses: Sequence[float], found: float) -> Image.Image:
    """Draw losses over learning rates, logarithmic, with a line at the rate that was found.

    Args:
        rates: Ascending and above 0.
        losses: One for each.
        found: A rate among them.
    """
    low, high = min(losses), max(losses)
    decades = math.log10(rates[-1] / rates[0])

    def x(rate: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * math.log10(rate / rates[0]) / decades

    def y(loss: float) -> float:
        return MARGIN + (HEIGHT - 2 * MARGIN) * (high - loss) / max(high - low, 1e-12)

    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((MARGIN, MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN), outline=INK)
    for exponent in range(math.ceil(math.log10(rates[0])), math.floor(math.log10(rates[-1])) + 1):
        draw.text((x(10.0**exponent), HEIGHT - MARGIN + 6), f"1e{exponent}", INK, anchor="ma")
    for loss in (low, high):
        draw.text((MARGIN - 6, y(loss)), f"{loss:.3g}", INK, anchor="rm")
    draw.line([(x(found), MARGIN), (x(found), HEIGHT - MARGIN)], MARK, 2)
    draw.text((x(found), MARGIN - 6), f"lr {found:g}", MARK, anchor="mb")
    draw.line([(x(rate), y(loss)) for rate, loss in zip(rates, losses, strict=True)], CURVE, 2)
    return picture
