"""`fit --resume auto`, the line of a job script, starts a run or goes on with the newest that is unfinished."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.chaos.comparison import TIMED, scalars
from tests.conftest import REPOSITORY, SMALL, every

from litclassify.cli import main
from litclassify.cli.checkpoints.checkpoint import read_checkpoint, read_run_config
from litclassify.cli.runs.directory import lock_for_training
from litclassify.cli.search.batch_size import BatchSizeSearch, Measured
from litclassify.cli.search.learning_rate import RateSearch
from litclassify.data import ImageDataModule
from litclassify.models import ImageClassifier

AUTO = ["fit", *SMALL, "--data.batch_size", "128", "--trainer.log_every_n_steps", "2"]
AUTO += ["--checkpoint.every_n_train_steps", "3", "--resume", "auto", "--runs_dir", "all"]


def stop(step: int, *words: str) -> None:
    """Run a command that fails in one of its training steps, from 1."""
    calls, training_step = [], ImageClassifier.training_step

    def fail(self: ImageClassifier, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == step:
            raise KeyError("as a bug would")
        return training_step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageClassifier, "training_step", fail)
        with pytest.raises(KeyError, match="as a bug would"):
            main([*AUTO, *words])


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, with one that stopped in its second epoch: after the last of its checkpoints it has logged."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stop(15)
    return folder / "all"


@pytest.fixture
def run(stopped: Path) -> Path:
    """A copy of the run that stopped, in the directory of the test."""
    shutil.copytree(stopped, "all")
    return only_run()


def runs() -> list[Path]:
    return sorted(path for path in Path("all").glob("*/*") if path.is_dir())


def only_run() -> Path:
    (run,) = runs()
    return run


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name not in TIMED} for row in csv.DictReader(file)]


def last(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def test_logs_and_weights_of_a_stopped_run_are_those_of_one_that_was_not(run: Path) -> None:
    logged = [int(row["step"]) for row in rows(run)]
    assert max(logged) >= read_checkpoint(run / "checkpoints" / "last.ckpt").next_step
    main(AUTO)
    assert runs() == [run]
    main([*AUTO, "--run_name", "whole"])
    (whole,) = Path("all/whole").iterdir()
    assert rows(run) == rows(whole)
    assert scalars(run) == scalars(whole)
    weights = last(run)["state_dict"]
    assert all(torch.equal(weight, weights[name]) for name, weight in last(whole)["state_dict"].items())


def test_starts_a_run_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    main([*AUTO, "--trainer.max_epochs", "1"])
    assert (only_run() / "finished").exists()
    assert "going on with" not in capsys.readouterr().err


def test_says_that_a_run_has_finished_where_it_starts_another(caplog: pytest.LogCaptureFixture) -> None:
    main([*AUTO, "--trainer.max_epochs", "1"])
    assert "--resume auto" not in caplog.text
    finished = only_run()
    main([*AUTO, "--trainer.max_epochs", "1"])
    assert f"--resume auto: '{finished}' has finished, and none is left to go on with: starting a new" in caplog.text
    assert len(runs()) == 2


def test_passes_over_runs_that_have_finished_have_no_checkpoint_or_train(run: Path) -> None:
    training, finished, empty = (run.with_name(f"2999-01-01_00-00-0{i}") for i in range(3))
    for other in (training, finished):
        shutil.copytree(run, other)
    (finished / "finished").touch()
    (empty / "checkpoints").mkdir(parents=True)
    lock = lock_for_training(training)
    try:
        main(AUTO)
    finally:
        lock.release()
    assert runs() == [run, training, finished, empty]
    assert [(other / "finished").exists() for other in runs()] == [True, False, True, False]
    assert last(run)["epoch"] == 1


def test_other_names_are_other_runs(run: Path) -> None:
    main([*AUTO, "--run_name", "two", "--trainer.max_epochs", "1"])
    assert [other.parent.name for other in runs()] == ["digits", "two"]
    assert not (run / "finished").exists()


def test_variable_of_the_environment(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITCLASSIFY_RESUME", "auto")
    main([word for word in AUTO if word not in ("--resume", "auto")])
    assert only_run() == run
    assert (run / "finished").exists()


def test_callbacks_of_the_command_come_once() -> None:
    words = ["--trainer.callbacks+=GradientNorm"]
    stop(15, *words)
    main([*AUTO, *words])
    config = yaml.safe_load((only_run() / "config.fit.yaml").read_text())
    assert [callback["class_path"].split(".")[-1] for callback in config["trainer"]["callbacks"]] == ["GradientNorm"]


def test_config_of_a_run_that_went_on_makes_another_run(run: Path) -> None:
    """It says nothing of how its own run was chosen."""
    main(AUTO)
    config = yaml.safe_load((run / "config.fit.yaml").read_text())
    assert (config["resume"], config["ckpt_path"]) == (None, None)
    (run / "finished").unlink()
    main(["fit", "--config", f"{run}/config.fit.yaml", "--trainer.max_epochs", "1"])
    assert len(runs()) == 2


def test_how_a_run_was_begun_is_not_how_it_goes_on(run: Path) -> None:
    file = run / "config.fit.yaml"
    file.write_text(file.read_text().replace("resume: null", "resume: auto"))
    assert "resume: auto" in file.read_text()
    assert "resume" not in read_run_config(run / "checkpoints" / "last.ckpt")


def test_damaged_last_is_said_and_the_one_before_it_taken(run: Path) -> None:
    file = run / "checkpoints" / "last.ckpt"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.warns(UserWarning, match=r"last\.ckpt' is damaged\. The checkpoint before it is taken: .*previous"):
        main(AUTO)
    assert only_run() == run
    assert (run / "finished").exists()


@pytest.mark.parametrize("name", ["last.ckpt", "previous.ckpt"])
@pytest.mark.filterwarnings("ignore:.*is damaged. The checkpoint before it is taken")
def test_folder_in_the_place_of_a_checkpoint_is_refused_before_training(
    run: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    file = run / "checkpoints" / name
    file.unlink()
    file.mkdir()
    logged = (run / "metrics.csv").read_bytes()
    with pytest.raises(SystemExit, match="2"):
        main(AUTO)
    printed = capsys.readouterr().err
    assert f"error: '{file}' is a folder, where a checkpoint is going to be written: remove or" in printed
    assert (run / "metrics.csv").read_bytes() == logged


@pytest.mark.parametrize("others", [["--ckpt_path", "last"], ["--repeat", "2"], ["--folds", "2"]])
def test_what_it_does_not_go_with(others: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*AUTO, *others])
    message = capsys.readouterr().err
    assert "error: --" in message
    assert "--resume" in message
    assert not runs()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--checkpoint.dirpath", "elsewhere"], "looks for checkpoints in runs: leave out checkpoint.dirpath."),
    ],
)
def test_checkpoints_from_which_it_could_never_go_on_are_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*AUTO, *words])
    assert expected in capsys.readouterr().err
    assert not runs()


def finished_run() -> tuple[Path, dict[str, Any]]:
    """Give the one run, which has finished, and its config."""
    (run,) = runs()
    assert (run / "finished").exists()
    return run, yaml.safe_load((run / "config.fit.yaml").read_text())


def test_the_rate_that_the_first_part_of_a_run_found_holds_in_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    found = RateSearch([0.1 * n for n in range(1, 13)], [1.0] * 12, {"model.optimizer.lr": 0.033})
    monkeypatch.setattr("litclassify.cli.search.searches.search_rate", lambda *_: found)
    stop(15, "--find_lr", "true")
    monkeypatch.setattr("litclassify.cli.search.searches.search_rate", lambda *_: pytest.fail("searched again"))
    main([*AUTO, "--find_lr", "true"])
    _, config = finished_run()
    assert config["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 0.033
    assert config["find_lr"] is False


@pytest.mark.parametrize("saves", every(2, [False, True]))
def test_the_batch_size_that_the_first_part_of_a_run_found_holds_in_the_others(
    saves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not saves:
        monkeypatch.setattr(ImageDataModule, "_save_plain_hyperparameters", lambda _: None)
    found = BatchSizeSearch([Measured(64, 1000.0, None, is_whole=True)], 64)
    monkeypatch.setattr("litclassify.cli.search.searches.search_size", lambda *_: found)
    stop(15, "--find_batch_size", "true")
    monkeypatch.setattr("litclassify.cli.search.searches.search_size", lambda *_: pytest.fail("searched again"))
    main([*AUTO, "--find_batch_size", "true"])
    run, config = finished_run()
    assert config["data"]["init_args"]["batch_size"] == 64
    assert config["find_batch_size"] is False
    stored = read_checkpoint(run / "checkpoints/last.ckpt").config
    assert stored["data"]["init_args"]["batch_size"] == 64 if saves else "data" not in stored


def test_help_looks_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    main(["fit", "--resume", "auto", "--help"])
    assert capsys.readouterr().out.startswith("usage: ")


def test_run_in_which_another_process_trains_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = lock_for_training(run)
    try:
        with pytest.raises(SystemExit, match="2"):
            main(["fit", "--ckpt_path", f"{run}/last"])
    finally:
        lock.release()
    assert f"Another process trains in '{run}'" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["shared", "all/digits/other/checkpoints"])
def test_folder_of_checkpoints_into_which_another_process_writes_is_refused(
    capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    """By a training that was given the same one, or in whose run it lies."""
    words = ["fit", *SMALL, "--checkpoint.dirpath", folder, "--trainer.max_epochs", "1"]
    taken = Path(folder).parent if folder.endswith("checkpoints") else Path(folder)
    taken.mkdir(parents=True)
    lock = lock_for_training(taken)
    try:
        with pytest.raises(SystemExit, match="2"):
            main(words)
    finally:
        lock.release()
    printed = capsys.readouterr().err
    assert f"error: Another process trains in '{taken.resolve()}'." in printed
    assert "give this training another checkpoint.dirpath" in printed
    assert not Path("runs").exists()
    main(words)
    assert Path(folder, "last.ckpt").is_file()


@pytest.mark.slow
def test_two_processes_go_on_with_the_same_run() -> None:
    command = [sys.executable, REPOSITORY / "main.py", *AUTO, "--trainer.strategy", "ddp", "--trainer.devices", "2"]
    subprocess.run(command, check=True, timeout=120)
    run = only_run()
    (run / "finished").unlink()
    subprocess.run([*command, "--trainer.max_epochs", "3"], check=True, timeout=120)
    assert only_run() == run
    assert last(run)["epoch"] == 2
