"""What a run has logged, cut where a training goes on: no step is there twice."""

import csv
import os
import struct
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import BinaryIO

from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event

from litclassify.cli.runs.directory import METRICS_CSV
from litclassify.files.durable_files import replacing

# Of a record: its length and the checksum of that, then the event, then its checksum.
HEAD_BYTES, CHECKSUM_BYTES = 12, 4


def log_files(run_dir: Path) -> list[Path]:
    """Give the files in which a run has logged its metrics."""
    table = run_dir / METRICS_CSV
    return [*([table] if table.is_file() else []), *run_dir.glob("events.out.tfevents.*")]


@rank_zero_only
def cut_logs(files: Iterable[Path], step: int) -> None:
    """Take out of a run's logs all that is of a step, or of a later one.

    Args:
        files: Of an earlier command: one that is being written to would be lost.
        step: The first step that is going to be logged anew.
    """
    for file in files:
        _cut_table(file, step) if file.name == METRICS_CSV else _cut_events(file, step)


def _cut_table(file: Path, step: int) -> None:
    with file.open(newline="", encoding="utf-8") as lines:
        # A process that was killed may have written half a line.
        rows = csv.reader([line for line in lines if line.endswith("\n")])
        header = next(rows, [])
        kept = [row for row in rows if _is_before(step, dict(zip(header, row, strict=False)))]
    text = StringIO(newline="")
    csv.writer(text).writerows([header, *kept])
    with replacing(file) as output:
        output.write(text.getvalue().encode())


def _is_before(step: int, row: dict[str, str]) -> bool:
    return row.get("step", "").isdecimal() and int(row["step"]) < step


def _cut_events(file: Path, step: int) -> None:
    with file.open("rb") as records:
        if all(_step_of(record) < step for record in _records(records)):
            return
        records.seek(0)
        with replacing(file) as output:
            output.writelines(record for record in _records(records) if _step_of(record) < step)


def _records(file: BinaryIO) -> Iterator[bytes]:
    """Give the records of an event file that are whole, as they are.

    Source: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
    """
    left = os.fstat(file.fileno()).st_size
    while len(head := file.read(HEAD_BYTES)) == HEAD_BYTES:
        (length,) = struct.unpack_from("<Q", head)
        left -= HEAD_BYTES + length + CHECKSUM_BYTES
        if left < 0:
            return
        yield head + file.read(length + CHECKSUM_BYTES)


def _step_of(record: bytes) -> int:
    step: int = Event.FromString(record[HEAD_BYTES:-CHECKSUM_BYTES]).step
    return step
