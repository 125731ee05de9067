"""Logs are cut where a training goes on, whatever a process that was killed has left at their end."""

import csv
import struct
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.utils.tensorboard import SummaryWriter

from litclassify.cli.runs.logs import cut_logs
from litclassify.files.log_files import log_files

BIG = 2**40


def cut_table(text: str, step: int) -> str:
    file = Path("metrics.csv")
    file.write_bytes(text.encode())
    cut_logs(log_files(Path()), step)
    return file.read_text()


def write_events(steps: list[int], *names: str) -> Path:
    with SummaryWriter(".") as writer:
        for step in steps:
            for name in names or ("loss",):
                writer.add_scalar(name, step, step)
    (file,) = Path().glob("events.out.tfevents.*")
    return file


def steps_of(file: Path) -> list[int]:
    return [event.step for event in EventFileLoader(str(file)).Load() if event.HasField("summary")]


@pytest.mark.parametrize(("step", "kept"), [(0, []), (4, ["1"]), (5, ["1", "4"]), (BIG, ["1", "4", "9"])])
def test_rows_from_a_step_on_are_taken_out(step: int, kept: list[str]) -> None:
    text = cut_table("epoch,step,val_acc\n0,1,0.5\n0,4,\n1,9,0.7\n", step)
    assert [row["step"] for row in csv.DictReader(text.splitlines())] == kept


def test_rows_that_are_kept_stay_as_they_are() -> None:
    rows = 'epoch,step,"a,b"\n0,1,"0.1000000000000000055"\n0,2,\n'
    assert list(csv.reader(cut_table(rows, 5).splitlines())) == list(csv.reader(rows.splitlines()))


@pytest.mark.parametrize("half", ["0", "0,", "0,3", "0,3,0.1", "0,3,0.1,", '0,3,"0.1'])
def test_half_a_line_at_the_end_is_taken_out(half: str) -> None:
    whole = "epoch,step,loss,acc\n0,1,0.5,0.1\n"
    assert cut_table(whole + half, 9).splitlines() == whole.splitlines()


def test_steps_are_numbers() -> None:
    text = cut_table(f"step,loss\n2,0.5\n10,0.5\n{BIG - 1},1\n{BIG},2\n", BIG)
    assert text.splitlines() == ["step,loss", "2,0.5", "10,0.5", f"{BIG - 1},1"]


def test_header_alone_stays() -> None:
    assert cut_table("epoch,step\n", 3).splitlines() == ["epoch,step"]


def test_rows_without_a_step_cannot_be_placed_and_go() -> None:
    assert cut_table("epoch,loss\n0,0.5\n", 3).splitlines() == ["epoch,loss"]
    assert cut_table("epoch,step\n0,\n0,1\n", 3).splitlines() == ["epoch,step", "0,1"]


@pytest.mark.parametrize(("step", "kept"), [(0, []), (3, [1, 2]), (BIG, [1, 2, 5]), (BIG + 1, [1, 2, 5, BIG])])
def test_events_from_a_step_on_are_taken_out(step: int, kept: list[int]) -> None:
    file = write_events([1, 2, 5, BIG])
    cut_logs(log_files(Path()), step)
    assert steps_of(file) == kept


def test_event_file_without_such_steps_is_not_written_again() -> None:
    file = write_events([1, 2])
    before = file.stat()
    cut_logs(log_files(Path()), 3)
    assert file.stat() == before


@pytest.mark.parametrize("missing", [1, 4, 10, 30])
def test_half_a_record_at_the_end_is_passed_over(missing: int) -> None:
    file = write_events([1, 2, 3, 4])
    file.write_bytes(file.read_bytes()[:-missing])
    cut_logs(log_files(Path()), 3)
    assert steps_of(file) == [1, 2]


def test_events_are_kept_to_the_byte() -> None:
    file = write_events([1, 2, 3])
    whole = file.read_bytes()
    cut_logs(log_files(Path()), 3)
    assert whole.startswith(file.read_bytes())


def test_length_of_a_last_record_that_no_file_has() -> None:
    """After a loss of power, what was not yet on the disk may be anything."""
    file = write_events([1, 2, 5])
    file.write_bytes(file.read_bytes() + struct.pack("<Q", 2**62) + bytes(8))
    cut_logs(log_files(Path()), 3)
    assert steps_of(file) == [1, 2]


@pytest.mark.parametrize(("whole", "step"), [(1, 3), (4, 9), (12, 3), (12, 9), (13, 9), (30, 3)])
def test_zeros_in_place_of_the_last_records(whole: int, step: int) -> None:
    """What a loss of power may leave: the length of the file is on the disk, and not all of its content."""
    before = write_events([1, 2])
    start = before.stat().st_size
    before.unlink()
    file = write_events([1, 2, 5, 6])
    content = file.read_bytes()
    file.write_bytes(content[: start + whole] + bytes(len(content) - start - whole))
    cut_logs([file], step)
    assert steps_of(file) == [1, 2]


def test_zeros_in_place_of_the_last_lines() -> None:
    whole = "epoch,step,loss,acc\n0,1,0.5,0.1\n"
    assert cut_table(f"{whole}0,2,{chr(0) * 40}", 9).splitlines() == whole.splitlines()
    assert cut_table(f"{whole}0,2,{chr(0) * 40}\n0,3,0.2,0.3\n", 3).splitlines() == whole.splitlines()


def test_row_of_an_epoch_that_goes_on_is_taken_out() -> None:
    """Those of its steps and validations stay, and that of the epoch before."""
    text = "step,train_loss_step,train_loss,val_loss\n1,0.5,,\n1,,0.4,\n3,0.5,,\n3,,,0.6\n3,,0.4,\n"
    Path("metrics.csv").write_text(text)
    cut_logs(log_files(Path()), 4)
    assert Path("metrics.csv").read_text().splitlines() == text.splitlines()
    cut_logs(log_files(Path()), 4, within_epoch=True)
    assert Path("metrics.csv").read_text().splitlines() == text.splitlines()[:-1]


def test_events_of_an_epoch_that_goes_on_are_taken_out() -> None:
    file = write_events([1, 3, 9], "lr", "train_loss_step", "epoch", "train_loss", "train_acc", "epoch")
    cut_logs(log_files(Path()), 4)
    assert steps_of(file) == [1] * 6 + [3] * 6
    cut_logs(log_files(Path()), 4, within_epoch=True)
    assert steps_of(file) == [1] * 6 + [3] * 3


def test_run_without_logs() -> None:
    cut_logs(log_files(Path()), 3)
    assert list(Path().iterdir()) == []
