"""The files that an audit leaves: `audit.html`, `audit.csv` and, of image files, `exclude.txt`."""

import base64
import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from litclassify.audit.audit import Audit
from litclassify.audit.finding import KINDS
from litclassify.audit.measures import Source, open_upright
from litclassify.files.regular_file import open_regular
from litclassify.pages import render_page

HTML, CSV, EXCLUDE = "audit.html", "audit.csv", "exclude.txt"
COLUMNS = ("path", "split", "class", "kind", "severity", "detail", "other path")
# Most findings shown of each kind; the CSV has all.
EXAMPLES = 24
THUMBNAIL = 112
# How far an image of a few pixels is enlarged by whole pixels, before the browser scales it.
SMALL = 64


def write_report(audit: Audit, folder: Path, title: str) -> None:
    """Write the files.

    Args:
        audit: What was found.
        folder: An existing folder.
        title: Names the data set.
    """
    with (folder / CSV).open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for findings in audit.findings.values():
            for one in findings:
                rows.writerow([one.path, one.split, one.class_name, one.kind, one.severity, one.detail, one.other])
    if audit.inventory.can_exclude:
        # A list has a path a line: a name with a line break cannot be listed.
        listed = [path for path in audit.excluded if not {"\n", "\r"} & set(path)]
        text = "".join(f"{path}\n" for path in listed)
        (folder / EXCLUDE).write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
    (folder / HTML).write_text(_html(audit, title), encoding="utf-8", errors="replace")


def _html(audit: Audit, title: str) -> str:
    places = {sample.path: index for index, sample in enumerate(audit.inventory.samples)}
    sections = [
        {
            "kind": name,
            "severity": KINDS[name].severity,
            "title": KINDS[name].title,
            "meaning": KINDS[name].meaning,
            "count": len(findings),
            "shown": [
                {
                    "finding": one,
                    "pictures": [_picture(audit, places, path) for path in (one.path, one.other) if path],
                }
                for one in findings[:EXAMPLES]
            ],
        }
        for name, findings in audit.findings.items()
    ]
    return render_page(
        "litclassify.audit",
        "report.html.jinja",
        title=title,
        sections=sections,
        counts=audit.counts,
        classes=sorted({name for classes in audit.counts.values() for name in classes}),
        total=len(audit.inventory.samples),
        excluded=len(audit.excluded) if audit.inventory.can_exclude else None,
        largest=max((number for classes in audit.counts.values() for number in classes.values()), default=1) or 1,
        examples=EXAMPLES,
    )


def _picture(audit: Audit, places: Mapping[str, int], path: str) -> dict[str, Any]:
    index = places.get(path)
    uri = ""
    if index is not None and not audit.measures[index].error:
        uri = _data_uri(audit.inventory.source(index))
    return {"path": path, "uri": uri}


def _read_upright(path: str) -> Image.Image:
    with open_regular(path) as file:
        return open_upright(file)


def _data_uri(source: Source) -> str:
    """Embed a picture, at most 112 pixels a side; empty if it cannot be read any more."""
    try:
        image = Image.fromarray(source).convert("RGB") if isinstance(source, np.ndarray) else _read_upright(source)
    except OSError:
        return ""
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    if max(image.size) <= SMALL:
        factor = THUMBNAIL // max(image.size)
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"
