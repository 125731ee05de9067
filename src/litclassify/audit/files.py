"""Files that cannot be read, or hold something else than their ending says."""

import os
from collections.abc import Iterator, Sequence

from PIL import Image

from litclassify.audit.finding import Finding
from litclassify.audit.inventory import Sample
from litclassify.audit.measures import Measures

# Formats that share endings: a photograph of several views is a JPEG all the same.
SAME = {"MPO": "JPEG", "APNG": "PNG"}


def find_file_faults(samples: Sequence[Sample], measures: Sequence[Measures]) -> Iterator[Finding]:
    """Give unreadable files, endings that do not match the content, and files with several frames."""
    formats = Image.registered_extensions()
    for sample, one in zip(samples, measures, strict=True):
        place = (sample.path, sample.split, sample.class_name)
        if one.error:
            yield Finding("unreadable", one.error, *place)
            continue
        ending = os.path.splitext(sample.path)[1].lower()
        expected = formats.get(ending)
        held = SAME.get(one.format, one.format)
        if one.format and expected is not None and held != SAME.get(expected, expected):
            yield Finding("wrong_ending", f"It ends in {ending} and holds {one.format}.", *place)
        if one.frames > 1 and one.format != "MPO":
            yield Finding("animated", f"{one.frames} frames.", *place)
