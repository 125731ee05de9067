"""`runs`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rich.text import Text

from litclassify.cli import main
from litclassify.cli.commands.runs import sort_by
from litclassify.cli.config.metric_names import best_mode
from litclassify.cli.results.run import read_run, read_runs

Fit = Callable[..., Path]


def make_run(
    path: Path, rows: str = "", monitor: str = "val_acc", mode: str = "max", test: float | None = None
) -> Path:
    path.mkdir(parents=True)
    checkpoint = {"init_args": {"monitor": monitor, "mode": mode}}
    (path / "config.fit.yaml").write_text(yaml.safe_dump({"trainer": {"max_epochs": 3}, "checkpoint": checkpoint}))
    if rows:
        (path / "metrics.csv").write_text(rows)
    if test is not None:
        (path / "metrics.json").write_text(json.dumps({"test_acc": test}))
    return path


def curve(*accuracies: float) -> str:
    lines = [f"{epoch},{epoch},{1 - acc},{acc},\n" for epoch, acc in enumerate(accuracies)]
    return "epoch,step,val_loss,val_acc,train_loss\n" + "".join(lines)


@pytest.fixture
def listed(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[list[str]]]:
    """Run `runs`; gives the cells below the header."""

    def run(*words: str) -> list[list[str]]:
        capsys.readouterr()
        main(["runs", *words])
        return [line.split() for line in capsys.readouterr().out.splitlines()[1:]]

    return run


Listed = Callable[..., list[list[str]]]


def test_a_real_run_is_listed_with_its_own_figures(fit: Fit, listed: Listed) -> None:
    run = fit("--test_after_fit", "true")
    ((name, epochs, done, best, _, _, test_acc),) = listed()
    assert (name, epochs, done) == (str(run.relative_to("runs")), "2/2", "done")
    assert test_acc == f"{json.loads((run / 'metrics.json').read_text())['test_acc']:.4f}"
    assert 0 < float(best) <= 1


def test_best_goes_by_the_monitor_and_last_by_the_last_epoch(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "a", curve(0.5, 0.9, 0.7)))
    assert (run.metrics["best"], run.metrics["val_acc"], run.epochs) == (0.9, 0.7, 3)
    by_loss = read_run(make_run(tmp_path / "b", curve(0.5, 0.75), monitor="val_loss", mode="min"))
    assert (by_loss.metrics["best"], by_loss.epochs) == (0.25, 2)


def test_a_run_has_finished_that_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", curve(0.5, 0.9, 0.7))
    assert not read_run(run).finished  # The test after training is left to do.
    (run / "finished").touch()
    assert read_run(run).finished


@pytest.mark.parametrize("rows", ["", "epoch,step,val_loss\n", "epoch,step,val_loss\n1,2,0.5\n2,3,0.4"])
def test_a_run_that_has_hardly_begun_is_listed(tmp_path: Path, rows: str, listed: Listed) -> None:
    make_run(tmp_path / "runs" / "a" / "stamp", rows)
    ((name, epochs, *_),) = listed()
    assert (name, epochs) == ("a/stamp", "1/3" if "0.5" in rows else "0/3")


def test_of_a_finished_run_without_a_table_of_metrics_no_epochs_are_told(fit: Fit, listed: Listed) -> None:
    fit("--trainer.logger", "false", "--trainer.max_epochs", "1")
    ((_, state, *_),) = listed()
    assert state == "done"


def test_runs_stand_in_the_order_of_their_time_stamps(tmp_path: Path) -> None:
    for name, stamp in (("b", "2026-01-01"), ("a", "2026-01-02"), ("deeper/c", "2025-12-31")):
        make_run(tmp_path / name / stamp)
    assert [run.path.name for run in read_runs(tmp_path)] == ["2025-12-31", "2026-01-01", "2026-01-02"]


@pytest.mark.parametrize(("metric", "expected"), [("val_acc", "cab"), ("val_loss", "cab"), ("test_acc", "bca")])
def test_sorting_puts_the_best_last_and_the_unknown_first(tmp_path: Path, metric: str, expected: str) -> None:
    make_run(tmp_path / "a", curve(0.5), test=0.9)
    make_run(tmp_path / "b", curve(0.8))
    make_run(tmp_path / "c", test=0.8)
    assert "".join(run.path.name for run in sort_by(read_runs(tmp_path), metric)) == expected


@pytest.mark.parametrize("metric", ["test_nll", "test_ece", "test_brier", "test_loss", "top1_error"])
def test_of_some_metrics_less_is_better(metric: str) -> None:
    assert best_mode(metric) == "min"


@pytest.mark.parametrize("metric", ["val_acc", "val_acc_top5", "val_recall", "val_map", "val_exact_match", "test/F1"])
def test_of_others_more_is_better(metric: str) -> None:
    assert best_mode(metric) == "max"


def test_not_every_name_tells() -> None:
    assert best_mode("val_mine") is None


def test_reverse_turns_the_list_round(tmp_path: Path, listed: Listed) -> None:
    for stamp in ("1", "2"):
        make_run(tmp_path / "runs" / "a" / stamp, curve(0.5))
    assert [row[0] for row in listed("--reverse")] == ["a/2", "a/1"]


def test_another_metric_gets_a_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "runs" / "a" / "1", "epoch,step,val_loss,val_f1\n0,0,0.5,0.25\n")
    main(["runs", "--sort", "val_f1"])
    header, row = capsys.readouterr().out.splitlines()
    assert header.split()[-1] == "val_f1"
    assert row.split()[-1] == "0.2500"


def test_lines_are_whole_in_a_pipe(tmp_path: Path, listed: Listed) -> None:
    name = "n" * 120
    make_run(tmp_path / "runs" / name / "stamp", curve(0.5))
    assert listed()[0][0] == f"{name}/stamp"


def test_lines_fit_a_terminal_of_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "runs" / "fashion_mnist" / "2026-11-24_10-15-00", curve(0.5), test=0.9)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    main(["runs"])
    lines = Text.from_ansi(capsys.readouterr().out).plain.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("fashion_mnist/2026-11-24_10-15-00" in line and "0.9000" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--runs_dir", "nope"], "nope"),
        (["--sort", "val_ac"], "Did you mean 'val_acc'?"),
        (["--srot", "val_acc"], "Did you mean '--sort'?"),
        (["--bogus"], "--bogus"),
        (["--sort"], "--sort needs a value."),
    ],
)
def test_mistakes_end_with_code_2(
    words: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "runs" / "a" / "1", curve(0.5))
    with pytest.raises(SystemExit) as stop:
        main(["runs", *words])
    assert stop.value.code == 2
    assert expected in capsys.readouterr().err


def test_no_runs_is_no_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs").mkdir()
    main(["runs"])
    assert "No runs under 'runs'" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["runs"], ["runs", "--sort", "val_acc"], ["--help"], ["-h"]])
def test_the_answer_does_not_wait_for_torch(words: list[str], tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "a" / "1", curve(0.5))
    code = f"import sys, litclassify.cli; litclassify.cli.main({words}); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("words", [[], ["fti"], ["train", "--config", "a.yaml"], ["runs", "r80"]])
def test_nor_does_that_to_a_mistake(words: list[str]) -> None:
    code = (
        "import sys, atexit, litclassify.cli; atexit.register(lambda: print('torch' in sys.modules)); "
        f"litclassify.cli.main({words})"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stdout == "False\n"


def test_best_is_sorted_by_the_mode_of_its_monitor(tmp_path: Path) -> None:
    for name, accuracy in (("a", 0.9), ("b", 0.7), ("c", 0.8)):
        make_run(tmp_path / name, curve(accuracy), monitor="val_loss", mode="min")
    make_run(tmp_path / "d", curve(0.6), monitor="val_acc")
    assert [run.path.name for run in sort_by(read_runs(tmp_path), "best")] == ["d", "b", "c", "a"]


def test_what_is_not_a_number_is_no_best_and_sorts_first(tmp_path: Path) -> None:
    make_run(tmp_path / "a", "epoch,step,val_loss,val_acc\n0,0,0.5,0.6\n1,1,nan,nan\n")
    make_run(tmp_path / "b", curve(0.5))
    runs = read_runs(tmp_path)
    assert runs[0].metrics["best"] == 0.6
    assert [run.path.name for run in sort_by(runs, "val_acc")] == ["a", "b"]


def test_half_a_line_is_not_read(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "a", curve(0.25, 0.5) + "2,2,0.1,0.9"))
    assert (run.epochs, run.metrics["val_acc"]) == (2, 0.5)


@pytest.mark.parametrize("limit", ["-1", "null", "many"])
def test_without_a_limit_of_epochs_those_that_ended_are_shown(limit: str, tmp_path: Path, listed: Listed) -> None:
    path = make_run(tmp_path / "runs" / "a" / "1", curve(0.5, 0.6))
    (path / "config.fit.yaml").write_text(f"trainer: {{max_epochs: {limit}}}")
    assert listed()[0][1] == "2"


def test_epochs_without_a_validation_count(tmp_path: Path) -> None:
    rows = "epoch,step,train_loss,train_loss_step,val_loss\n0,1,0.5,,\n1,2,0.4,,0.4\n2,3,,0.3,\n"
    assert read_run(make_run(tmp_path / "a", rows)).epochs == 2


@pytest.mark.parametrize(
    "config", ["[1, 2]", "checkpoint: x", "checkpoint: {init_args: [1]}", "trainer: 3", "a: [", ""]
)
def test_a_broken_config_hides_no_run(config: str, tmp_path: Path, listed: Listed) -> None:
    path = make_run(tmp_path / "runs" / "a" / "1", curve(0.5))
    (path / "config.fit.yaml").write_text(config)
    assert listed()[0][:3] == ["a/1", "1", "-"]


@pytest.mark.parametrize("broken", [b"\x00\x01", b"\xff\xfe", b"epoch,val_loss\nx,y\n"])
def test_broken_metrics_hide_no_run(broken: bytes, tmp_path: Path, listed: Listed) -> None:
    path = make_run(tmp_path / "runs" / "a" / "1")
    for name in ("metrics.csv", "metrics.json"):
        (path / name).write_bytes(broken)
    assert listed() == [["a/1", "0/3", "-", "-", "-", "-"]]


def test_the_environment_says_where_runs_lie(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("elsewhere").mkdir()
    monkeypatch.setenv("LITCLASSIFY_RUNS_DIR", "elsewhere")
    main(["runs"])
    assert "No runs under 'elsewhere'" in capsys.readouterr().out


def test_a_copy_among_the_runs_of_a_series_is_listed_first(tmp_path: Path) -> None:
    series = tmp_path / "runs" / "digits" / "2026-01-01_00-00-00"
    for name in ("seed_10", "seed_2", "seed_2.bak"):
        make_run(series / name)
    (series / "series.json").write_text("{}")
    names = [run.path.name for run in read_runs(tmp_path / "runs")]
    assert names == ["seed_2.bak", "seed_2", "seed_10"]
