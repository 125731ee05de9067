"""Where the report of an evaluation goes: files of the run, and TensorBoard."""

import csv
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from litclassify.callbacks.evaluation.loader_images import keeps_order, read_images
from litclassify.evaluation import (
    AnyEvaluation,
    ClassTable,
    LabelEvaluation,
    bootstrap_intervals,
    label_intervals,
)
from litclassify.evaluation.report import (
    Picture,
    ReadMaps,
    Report,
    ReportTable,
    evaluation_pictures,
    evaluation_tables,
    gallery_pictures,
    html_report,
    label_galleries,
    label_pictures,
    label_tables,
    markdown_report,
    markdown_table,
)
from litclassify.tables import print_table

PICTURES = "report"
# Names of files may hold bytes that are not UTF-8.
TEXT: Mapping[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace"}
# TensorBoard lists them one below the other.
MAX_PR_CURVES = 50
MAX_PRINTED = 20


def write_report(report: Report, folder: Path) -> Path:
    """Write `report.html`, which is returned, `report.md` with its pictures, and each table as CSV."""
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    for picture in report.pictures:
        (folder / PICTURES / f"{picture.key}.png").write_bytes(picture.png)
    for table in report.tables:
        with (folder / PICTURES / f"{table.key}.csv").open("w", **TEXT, newline="") as file:
            csv.writer(file).writerows([table.columns, *table.rows])
    (folder / "report.md").write_text(markdown_report(report, PICTURES), **TEXT)
    page = folder / "report.html"
    page.write_text(html_report(report), **TEXT)
    return page


def print_first_rows(table: ReportTable) -> None:
    """Print the first rows of a table, at most 20."""
    print_table(table.columns, table.rows[:MAX_PRINTED], numbers=table.columns[table.text_columns :])
    if len(table.rows) > MAX_PRINTED:
        sys.stdout.write(f"… and {len(table.rows) - MAX_PRINTED} more, in {PICTURES}/{table.key}.csv\n")


def tabulate(
    evaluation: AnyEvaluation, table: ClassTable, metrics: Mapping[str, float], resamples: int = 0
) -> list[ReportTable]:
    """Give all tables.

    Args:
        evaluation: Of classes, or of several labels.
        table: Scores of each.
        metrics: Those of all together.
        resamples: Draws for confidence intervals; 0 gives none.
    """
    if isinstance(evaluation, LabelEvaluation):
        intervals = label_intervals(evaluation, resamples) if resamples else {}
        return label_tables(evaluation, table, metrics, intervals)
    intervals = bootstrap_intervals(evaluation, resamples) if resamples else {}
    return evaluation_tables(evaluation, table, metrics, intervals)


def draw(
    evaluation: AnyEvaluation,
    table: ClassTable,
    loader: Any,
    paths: Sequence[str],
    gallery: int,
    read_maps: ReadMaps | None = None,
    explain: int = 0,
) -> list[Picture]:
    """Draw all figures, and galleries where the images can be told apart.

    Args:
        evaluation: Of the images that the loader gave.
        table: Its scores.
        loader: Gives the images again.
        paths: Of the images.
        gallery: Images in each gallery, at most.
        read_maps: Gives activation maps of images; None explains none.
        explain: Images that are explained in each gallery, at most.
    """
    shows_images = gallery > 0 and keeps_order(loader)
    options = (paths, partial(read_images, loader), gallery, read_maps, explain)
    if isinstance(evaluation, LabelEvaluation):
        pictures = label_pictures(evaluation, table)
        return [*pictures, *label_galleries(evaluation, *options)] if shows_images else pictures
    pictures = evaluation_pictures(evaluation, table)
    return [*pictures, *gallery_pictures(evaluation, *options)] if shows_images else pictures


def show(
    writer: SummaryWriter, pictures: Sequence[Picture], tables: Sequence[ReportTable], split: str, step: int
) -> None:
    """Show pictures among TensorBoard's images, and tables among its texts, under `test/…` or `val/…`."""
    for picture in pictures:
        pixels = np.asarray(Image.open(BytesIO(picture.png)).convert("RGB"))
        writer.add_image(f"{split}/{picture.key}", pixels, step, dataformats="HWC")
    for table in tables:
        writer.add_text(f"{split}/{table.key}", markdown_table(table), step)


def show_pr_curves(writer: SummaryWriter, evaluation: AnyEvaluation, table: ClassTable, split: str, step: int) -> None:
    """Show precision and recall of each class, of more than 50 those with the lowest average precision."""
    known = [k for k in np.argsort(table.average_precision) if table.support[k]]
    for k in known[:MAX_PR_CURVES]:
        positives, scores = evaluation.positives(k), evaluation.probabilities[:, k]
        writer.add_pr_curve(f"{split}/pr/{evaluation.class_names[k]}", positives, scores, step)
