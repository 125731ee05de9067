"""Images that are nearly empty, badly exposed or blurred."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from litclassify.audit.finding import Finding
from litclassify.audit.inventory import Sample
from litclassify.audit.measures import Measures

# Shares of all pixels.
EMPTY, EXPOSURE = 0.99, 0.8
MIN_CONTRAST = 3.0
EMPTY_KINDS = ("black", "white", "one_colour")
# In bits: as many as 8 tones with equal shares have.
MIN_ENTROPY = 3.0
# What more than this share of the images have is how the data set is, as handwriting on black.
MINORITY = 0.1
# Robust standard deviations below the median of the data set, as outliers usually are taken:
# https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm
MAX_DEVIATIONS = 3.5
# Factor from the median absolute deviation to the standard deviation of a normal distribution.
TO_STD = 1.4826


def find_exposure_faults(samples: Sequence[Sample], measures: Sequence[Measures]) -> Iterator[Finding]:
    """Give images by brightness and contrast, and those far below the others in sharpness."""
    readable = [one for one in measures if not one.error]
    # A logarithm: sharpness spans several powers of ten.
    sharpness = _lowest([np.log10(one.sharpness) for one in readable if one.sharpness > 0])
    findings = [
        Finding(kind, detail, sample.path, sample.split, sample.class_name)
        for sample, one in zip(samples, measures, strict=True)
        if not one.error
        for kind, detail in _faults(one, 10**sharpness)
    ]
    counts = Counter(finding.kind for finding in findings)
    usual = {kind for kind, count in counts.items() if kind not in EMPTY_KINDS and count > MINORITY * len(readable)}
    yield from (finding for finding in findings if finding.kind not in usual)


def _faults(one: Measures, min_sharpness: float) -> Iterator[tuple[str, str]]:
    light = f"mean {one.brightness:.0f} of 255, contrast {one.contrast:.1f}"
    # One reason says all: such an image has no detail and few tones, either.
    if one.dark >= EMPTY:
        yield "black", f"{light}."
    elif one.bright >= EMPTY:
        yield "white", f"{light}."
    elif one.dark >= EXPOSURE:
        yield "dark", f"{one.dark:.0%} of the pixels are black; {light}."
    elif one.bright >= EXPOSURE:
        yield "bright", f"{one.bright:.0%} of the pixels are white; {light}."
    elif one.contrast < MIN_CONTRAST:
        yield "one_colour", f"{light}."
    else:
        if one.sharpness < min_sharpness:
            yield "blurred", f"sharpness {one.sharpness:.3g}, usual from {min_sharpness:.3g}."
        if one.entropy < MIN_ENTROPY:
            yield "low_entropy", f"{one.entropy:.1f} bits."


def _lowest(values: Sequence[float]) -> float:
    """Give the value below which there are outliers."""
    if not values:
        return -np.inf
    median = float(np.median(values))
    spread = TO_STD * float(np.median(np.abs(np.asarray(values) - median)))
    return median - MAX_DEVIATIONS * spread if spread > 0 else -np.inf
