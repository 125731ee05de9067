"""A gallery of images, with maps of where the classifier looked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from litclassify.evaluation.figures import Example, LabelExample, explanation_figure, gallery_figure
from litclassify.evaluation.report.content import Picture, ReadMaps


def gallery(
    examples: Sequence[Example] | Sequence[LabelExample],
    title: str,
    note: str,
    read_maps: ReadMaps | None,
    classes: NDArray[np.int64],
    explained_note: str,
) -> list[Picture]:
    """Draw images, and of the first of them where the classifier sees some classes.

    Args:
        examples: The images, at least one.
        title: Of the gallery.
        note: What it shows.
        read_maps: Explains predictions; None leaves them as they are.
        classes: To explain, of the first n images: (n, K).
        explained_note: What the maps show.
    """
    pictures = [Picture.of(gallery_figure(examples), title, note, wide=True)]
    shown = examples[: len(classes)]
    maps = read_maps(np.stack([example.image for example in shown]), classes) if read_maps and shown else None
    if maps is not None:
        pictures.append(Picture.of(explanation_figure(shown, maps), f"{title} explained", explained_note, wide=True))
    return pictures
