import json
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from rich.text import Text
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from litclassify.cli.runs.directory import SERIES
from litclassify.cli.runs.series import Series, load_series
from litclassify.cli.series.mean_curves import mean_curves, write_mean_curves
from litclassify.cli.series.summary import Summary, final_metrics

HEADER = "epoch,step,train_loss,val_acc,val_loss,best_val_acc,val_f1\n"


def make_run(run_dir: Path, rows: str, monitor: str | None = "val_acc", **test: float) -> Path:
    run_dir.mkdir(parents=True)
    checkpoint = {"init_args": {"monitor": monitor, "mode": "max"}}
    (run_dir / "config.fit.yaml").write_text(yaml.safe_dump({"checkpoint": checkpoint}))
    (run_dir / "metrics.csv").write_text(HEADER + rows)
    (run_dir / "metrics.json").write_text(json.dumps(test))
    return run_dir


def test_final_metrics_are_those_at_the_best_checkpoint_and_of_the_test(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", "0,1,,0.8,0.3,,\n1,2,,0.9,0.2,,0.5\n2,3,,0.7,0.1,,\n2,3,,,,0.9,\n", test_acc=0.6)
    assert final_metrics(run) == {"val_acc": 0.9, "val_loss": 0.2, "val_f1": 0.5, "test_acc": 0.6}


def test_of_equal_ones_the_latest_is_the_best_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", "0,1,,0.9,0.3,,\n1,2,,0.9,0.2,,\n2,3,,0.7,0.1,,\n2,3,,,,0.9,\n")
    assert final_metrics(run) == {"val_acc": 0.9, "val_loss": 0.2}


@pytest.mark.parametrize("monitor", [None, "val_loss"])
def test_without_a_best_they_are_those_of_the_last_validation(tmp_path: Path, monitor: str | None) -> None:
    run = make_run(tmp_path / "a", "0,1,,0.8,0.3,,\n1,2,,0.7,0.2,,\n1,2,0.5,,,,\n", monitor)
    assert final_metrics(run) == {"val_acc": 0.7, "val_loss": 0.2}


def series_of(folder: Path, values: dict[int, float], **more: float) -> Series:
    for number, value in values.items():
        make_run(folder / f"seed_{number}", f"0,1,,{value},0.3,,\n0,1,,,,{value},\n", test_acc=value, **more)
    return Series(folder, "seed", [], dict.fromkeys(values, 0))


def test_metrics_that_a_run_lacks_are_estimated_from_the_others(tmp_path: Path) -> None:
    series = series_of(tmp_path, {0: 0.5, 1: 0.7})
    (tmp_path / "seed_1" / "metrics.json").unlink()
    summary = Summary(series)
    assert (summary.estimates["val_acc"].n, summary.estimates["test_acc"].n) == (2, 1)
    assert "| std | 0.1414 | 0.0000 | - |" in summary.markdown()
    assert summary.best == "seed_1"


def test_who_reads_a_summary_meanwhile_has_all_of_the_earlier_one(tmp_path: Path) -> None:
    series = series_of(tmp_path, {0: 0.5})
    files = [tmp_path / f"summary.{suffix}" for suffix in ("md", "csv", "json")]
    for file in files:
        file.write_text("earlier")
    with ExitStack() as readers:
        opened = [readers.enter_context(file.open()) for file in files]
        Summary(series).write()
        assert [reader.read() for reader in opened] == ["earlier"] * 3
    assert json.loads(files[2].read_text())["best"] == "seed_0"


def test_the_table_fits_80_columns_and_is_divided_where_it_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {f"test_metric_of_a_long_name_{i}": 0.5 for i in range(5)}
    summary = Summary(series_of(tmp_path, {0: 0.5, 1: 0.7}, **more))
    summary.print()
    assert len(capsys.readouterr().out.splitlines()) == 10
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    summary.print()
    lines = Text.from_ansi(capsys.readouterr().out).plain.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("seed_0") for line in lines) == 3
    assert all(any(name in line for line in lines) for name in summary.names)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_two_runs_are_said_to_be_few(tmp_path: Path, n: int, capsys: pytest.CaptureFixture[str]) -> None:
    values = {0: 0.875, 1: 0.953125, 2: 0.9}
    summary = Summary(series_of(tmp_path, {number: values[number] for number in range(n)}))
    summary.print()
    assert ("Two runs are few" in capsys.readouterr().out) == (n == 2)
    assert n != 2 or summary.estimates["val_acc"].high == 1


def test_the_record_comes_back_as_it_was(tmp_path: Path) -> None:
    series = Series(tmp_path, "fold", ["--data", "Digits"], {0: 0, 1: -9, 2: None})
    series.save()
    assert load_series(tmp_path) == series
    assert [path.name for path in tmp_path.iterdir()] == [SERIES]


def test_curves_are_averaged_where_all_runs_have_a_value() -> None:
    runs = [
        [{"step": 1.0, "val_acc": 0.5, "lr-SGD": 0.1}, {"step": 2.0, "val_acc": 0.7}],
        [{"step": 1.0, "val_acc": 0.7, "train_loss_step": 1.0}],
    ]
    assert {name: {step: each.mean for step, each in curve.items()} for name, curve in mean_curves(runs).items()} == {
        "val_acc": {1: pytest.approx(0.6)}
    }


def test_tensorboard_shows_the_mean_with_its_interval_and_the_table(tmp_path: Path) -> None:
    series = series_of(tmp_path, {0: 0.5, 1: 0.7})
    for _ in range(2):  # The second time takes the place of the first.
        write_mean_curves(tmp_path, [tmp_path / "seed_0", tmp_path / "seed_1"], Summary(series).markdown())
    events = EventAccumulator(str(tmp_path / "mean"))
    events.Reload()
    (value,) = events.Scalars("val_acc")
    assert (value.step, value.value) == (1, pytest.approx(0.6))
    assert {"interval/val_acc_low", "interval/val_acc_high"} <= set(events.Tags()["scalars"])
    (text,) = events.Tensors("summary/text_summary")
    assert b"| seed_0 | 0.5000 |" in text.tensor_proto.string_val[0]
