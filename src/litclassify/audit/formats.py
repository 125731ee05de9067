"""Sizes and modes that stand out."""

from collections.abc import Iterator, Sequence

import numpy as np

from litclassify.audit.finding import Finding
from litclassify.audit.inventory import Sample
from litclassify.audit.measures import Measures

TINY = 8
EXTREME_ASPECT = 4.0
# How many times the pixels of the median image are unusual.
UNUSUAL_AREA = 16.0
# Mean difference of channels up to which an image is gray, which JPEG may colour a little.
GRAY = 2.0
# A kind of image stands out where it is this share of the readable images at most.
MINORITY = 0.1
EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV")


def find_format_faults(samples: Sequence[Sample], measures: Sequence[Measures]) -> Iterator[Finding]:
    """Give images whose size, shape or way of storing colour is not that of the others."""
    readable = [one for one in measures if not one.error]
    if not readable:
        return
    median = float(np.median([one.width * one.height for one in readable]))
    grays = sum(one.colour <= GRAY for one in readable) / len(readable)
    for sample, one in zip(samples, measures, strict=True):
        if one.error:
            continue
        for kind, detail in [*_size_faults(one, median), *_mode_faults(one), *_colour_faults(one, grays)]:
            yield Finding(kind, detail, sample.path, sample.split, sample.class_name)


def _size_faults(one: Measures, median: float) -> Iterator[tuple[str, str]]:
    size = f"{one.width}x{one.height} pixels"
    aspect = max(one.width, one.height) / min(one.width, one.height)
    area = one.width * one.height / median
    if min(one.width, one.height) < TINY:
        yield "tiny", f"{size}."
    if aspect > EXTREME_ASPECT:
        yield "aspect", f"{size}, {aspect:.1f} : 1."
    if not 1 / UNUSUAL_AREA <= area <= UNUSUAL_AREA:
        yield "size_outlier", f"{size}, {area:.2g} times the median."


def _mode_faults(one: Measures) -> Iterator[tuple[str, str]]:
    if one.mode == "CMYK":
        yield "cmyk", f"{one.format}, {one.mode}."
    if one.mode in ("P", "PA"):
        yield "palette", f"{one.format}, {one.mode}."
    if one.mode not in EIGHT_BITS:
        yield "deep", f"{one.format}, {one.mode}."
    if one.transparent:
        yield "transparency", f"{one.format}, {one.mode}."
    if one.turned:
        yield "turned", f"Stored as {one.width}x{one.height}."


def _colour_faults(one: Measures, grays: float) -> Iterator[tuple[str, str]]:
    gray = one.colour <= GRAY
    if gray and 0 < grays <= MINORITY:
        yield "gray_among_colour", f"So are {grays:.2%} of the images; mode {one.mode}."
    if not gray and 0 < 1 - grays <= MINORITY:
        yield "colour_among_gray", f"So are {1 - grays:.2%} of the images; mode {one.mode}."
