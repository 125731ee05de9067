"""What a run has logged, cut where a training goes on: no step is there twice."""

import csv
import os
import struct
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event

from litclassify.callbacks.resuming.metric_names import is_of_training_epoch
from litclassify.files.durable_files import replacing
from litclassify.files.log_files import METRICS_CSV

# Layout of a record: its length and the checksum of that, then the event, then its checksum.
HEAD_BYTES, CHECKSUM_BYTES = 12, 4


@rank_zero_only
def cut_logs(files: Iterable[Path], step: int, *, within_epoch: bool = False) -> None:
    """Take out of a run's logs all that is of a step, or of a later one.

    Args:
        files: Of an earlier command: one that is being written to would be lost.
        step: The first step that is going to be logged anew.
        within_epoch: Whether it is in the middle of an epoch. If that had been ended there, as `max_steps` does,
            metrics of its first part go, too.
    """
    ended_with = step - 1 if within_epoch else None
    for file in files:
        cut = _cut_table if file.name == METRICS_CSV else _cut_events
        cut(file, step, ended_with)


def _cut_table(file: Path, step: int, ended_with: int | None) -> None:
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        # A process that was killed may have written half a line, and a loss of power leaves zeros.
        rows = csv.reader([line for line in lines if line.endswith("\n") and "\0" not in line])
        header = next(rows, [])
        kept = [row for row in rows if _stays(dict(zip(header, row, strict=False)), step, ended_with)]
    text = StringIO(newline="")
    csv.writer(text).writerows([header, *kept])
    with replacing(file) as output:
        output.write(text.getvalue().encode())


def _stays(row: dict[str, str], step: int, ended_with: int | None) -> bool:
    if not row.get("step", "").isdecimal():
        return False
    of_row = int(row["step"])
    ends_epoch = of_row == ended_with and any(value and is_of_training_epoch(name) for name, value in row.items())
    return of_row < step and not ends_epoch


def _cut_events(file: Path, step: int, ended_with: int | None) -> None:
    with file.open("rb") as records:
        kept = sum(map(len, _kept_records(records, step, ended_with)))
        if kept == os.fstat(records.fileno()).st_size:
            return
        records.seek(0)
        with replacing(file) as output:
            output.writelines(_kept_records(records, step, ended_with))


def _kept_records(file: BinaryIO, step: int, ended_with: int | None) -> Iterator[bytes]:
    has_ended = False
    for record, event in _records(file):
        if event.step == ended_with:  # The epoch ends with its metrics, and what is logged along with them.
            has_ended |= any(is_of_training_epoch(value.tag) for value in event.summary.value)
        if event.step < step and not (has_ended and event.step == ended_with):
            yield record


def _records(file: BinaryIO) -> Iterator[tuple[bytes, Event]]:
    """Give the records of an event file as they are, each with its event, up to the first that is not whole.

    After a loss of power, the end of a file may have its length, and zeros in place of what had been written.

    Source: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
    """
    left = os.fstat(file.fileno()).st_size
    while len(head := file.read(HEAD_BYTES)) == HEAD_BYTES:
        (length,) = struct.unpack_from("<Q", head)
        left -= HEAD_BYTES + length + CHECKSUM_BYTES
        if left < 0 or length == 0:
            return
        record = head + file.read(length + CHECKSUM_BYTES)
        try:
            event = Event.FromString(record[HEAD_BYTES:-CHECKSUM_BYTES])
        except DecodeError:
            return
        yield record, event
