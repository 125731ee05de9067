"""Several runs with one command: what is run, what is kept, what is said."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.cli.conftest import Mistake
from tests.cli.series.conftest import Ending, Stub
from tests.conftest import SMALL

from litclassify.cli import main
from litclassify.cli.checkpoints.path import resolve_checkpoint
from litclassify.cli.own_variables import RUN_DIR
from litclassify.cli.results.run import read_runs
from litclassify.cli.runs.directory import lock_for_training

SeriesDir = Callable[[], Path]
LITTLE = [*SMALL, "--trainer.limit_train_batches", "2", "--test_after_fit", "true"]


def fit(*words: str) -> int:
    try:
        main(["fit", *SMALL, *words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.slow
@pytest.mark.usefixtures("in_process")
def test_each_run_is_bit_for_bit_the_one_of_its_seed_alone(
    series_dir: SeriesDir, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fit", *LITTLE, "--repeat", "2", "--seed_everything", "3"])
    printed = capsys.readouterr().out
    folder = series_dir()
    summary = json.loads((folder / "summary.json").read_text())
    for seed in (3, 4):
        main(["fit", *LITTLE, "--seed_everything", str(seed), "--run_name", f"alone_{seed}"])
        (alone,) = Path("runs", f"alone_{seed}").iterdir()
        ours, theirs = weights(folder / f"seed_{seed}"), weights(alone)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
        for name in ("metrics.csv", "metrics.json"):
            assert (folder / f"seed_{seed}" / name).read_text() == (alone / name).read_text()
        test = json.loads((alone / "metrics.json").read_text())["test_acc"]
        assert summary["runs"][seed - 3]["test_acc"] == test
        assert f"{test:.4f}" in printed
    mean = sum(run["test_acc"] for run in summary["runs"]) / 2
    assert summary["metrics"]["test_acc"]["mean"] == pytest.approx(mean)
    assert f"| mean | {summary['metrics']['val_acc']['mean']:.4f} |" in (folder / "summary.md").read_text()
    assert [row["seed"] for row in csv.DictReader((folder / "summary.csv").read_text().splitlines())] == ["3", "4"]
    assert list((folder / "mean").glob("events.out.tfevents.*"))


@pytest.mark.slow
@pytest.mark.usefixtures("in_process")
def test_folds_validate_on_their_own_images_also_from_the_checkpoint(
    series_dir: SeriesDir, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fit", *LITTLE, "--folds", "2"])
    folder = series_dir()
    runs = json.loads((folder / "summary.json").read_text())["runs"]
    assert [run["run"] for run in runs] == ["fold_0", "fold_1"]
    for number, run in enumerate(runs):
        capsys.readouterr()
        main(["validate", "--ckpt_path", str(folder / run["run"]), "--trainer.enable_progress_bar", "false"])
        assert f"{run['val_acc']:.4f}" in capsys.readouterr().out
        checkpoint = torch.load(folder / run["run"] / "checkpoints" / "last.ckpt", weights_only=True)
        assert tuple(checkpoint["datamodule_hyper_parameters"]["val_fold"]) == (number, 2)


@pytest.mark.slow
@pytest.mark.usefixtures("in_process")
def test_a_run_that_was_cut_off_goes_on_from_its_last_checkpoint(
    series_dir: SeriesDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["fit", *LITTLE, "--repeat", "2"])
    folder = series_dir()
    whole = weights(folder / "seed_1")
    shutil.rmtree(folder / "seed_1")
    (folder / "seed_1").mkdir()
    monkeypatch.setenv(RUN_DIR, str(folder / "seed_1"))
    main(["fit", *LITTLE, "--seed_everything", "1", "--trainer.max_epochs", "1"])
    config = folder / "seed_1" / "config.fit.yaml"
    config.write_text(config.read_text().replace("max_epochs: 1", "max_epochs: 2"))
    record = json.loads((folder / "series.json").read_text())
    record["exit_codes"]["1"] = None
    (folder / "series.json").write_text(json.dumps(record))
    main(["fit", "--ckpt_path", str(folder)])
    assert torch.load(folder / "seed_1" / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1
    assert all(torch.equal(whole[name], value) for name, value in weights(folder / "seed_1").items())


def test_seeds_count_up_from_that_of_the_config_and_settings_are_the_same(stub: Stub) -> None:
    Path("recipe.yaml").write_text("seed_everything: 7\nrepeat: 3\n")
    assert fit("--config", "recipe.yaml") == 0
    assert [name for name, _ in stub.calls] == ["seed_7", "seed_8", "seed_9"]
    for _, words in stub.calls:
        assert words[: 1 + len(SMALL)] == ["fit", *SMALL]
    assert stub.calls[0][1][-4:] == ["--repeat", "null", "--seed_everything", "7"]


def test_an_environment_variable_asks_for_a_series(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITCLASSIFY_FOLDS", "3")
    assert fit() == 0
    assert [words[-1] for _, words in stub.calls] == ["[0,3]", "[1,3]", "[2,3]"]


@pytest.mark.parametrize(("ending", "label"), [(1, "exit code 1"), (-9, "signal 9")])
def test_a_run_that_fails_is_reported_and_the_others_run(
    stub: Stub, ending: Ending, label: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.endings = {"seed_1": ending}
    assert fit("--repeat", "3") == 1
    assert [name for name, _ in stub.calls] == ["seed_0", "seed_1", "seed_2"]
    printed = capsys.readouterr().out
    assert f"seed_1 ({label})" in printed
    assert "go on" in printed


def test_a_run_whose_training_ends_with_a_mistake_keeps_no_other_from_running(
    stub: Stub, series_dir: SeriesDir, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.endings = {"seed_0": 2}
    stub.leaves_results = True
    assert fit("--repeat", "2") == 1
    assert [name for name, _ in stub.calls] == ["seed_0", "seed_1"]
    assert "seed_0 (exit code 2)" in capsys.readouterr().out
    assert (series_dir() / "seed_0/checkpoints").is_dir()


def test_a_series_runs_once_at_a_time(stub: Stub, series_dir: SeriesDir, capsys: pytest.CaptureFixture[str]) -> None:
    fit("--repeat", "2")
    stub.calls = []
    lock = lock_for_training(series_dir())
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", str(series_dir()), "--repeat", "3"])
    assert "Another process trains in" in capsys.readouterr().err
    assert stub.calls == []
    lock.release()


def test_a_mistake_stops_at_once_and_leaves_nothing(stub: Stub) -> None:
    stub.endings = {"seed_0": 2}
    assert fit("--repeat", "3") == 2
    assert len(stub.calls) == 1
    assert not Path("runs").exists()


def test_a_mistake_later_keeps_what_is_done(stub: Stub, series_dir: SeriesDir) -> None:
    stub.endings = {"seed_1": 2}
    assert fit("--repeat", "3") == 2
    assert sorted(path.name for path in series_dir().glob("seed_*")) == ["seed_0"]


@pytest.mark.parametrize(("ending", "code"), [(KeyboardInterrupt, 130), (SystemExit, 0)])
def test_an_interruption_stops_the_series_with_a_table_of_what_is_done(
    stub: Stub, ending: Ending, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.endings = {"seed_1": ending}
    assert fit("--repeat", "3") == code
    printed = capsys.readouterr().out
    assert [name for name, _ in stub.calls] == ["seed_0", "seed_1"]
    assert "seed_1 (unfinished)" in printed
    assert "seed_2 (not run)" in printed


def test_going_on_keeps_what_is_finished(stub: Stub, series_dir: SeriesDir) -> None:
    stub.endings = {"seed_1": KeyboardInterrupt}
    fit("--repeat", "4")
    stub.endings, stub.calls = {}, []
    (series_dir() / "seed_2").mkdir()
    (series_dir() / "seed_2" / "metrics.csv").touch()
    main(["fit", "--ckpt_path", str(series_dir())])
    (first, words), second, third = stub.calls
    assert (first, words) == ("seed_1", ["fit", "--ckpt_path", str(series_dir() / "seed_1/last")])
    assert (second[0], third[0]) == ("seed_2", "seed_3")
    assert second[1][-2:] == ["--seed_everything", "2"]
    stub.calls = []
    main(["fit", "--ckpt_path", str(series_dir())])
    assert stub.calls == []


def test_a_larger_number_adds_runs(stub: Stub, series_dir: SeriesDir) -> None:
    fit("--repeat", "2", "--seed_everything", "4")
    stub.calls = []
    main(["fit", "--ckpt_path", str(series_dir()), "--repeat", "3"])
    assert [name for name, _ in stub.calls] == ["seed_6"]
    assert json.loads((series_dir() / "summary.json").read_text())["metrics"]["val_acc"]["n"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--repeat", "2"], "--repeat 2: '{}' has 3 runs. Give as many or more"),
        (["--repeat", "x"], "--repeat x: '{}' has 3 runs"),
        (["--folds", "3"], "leave out --folds"),
        (["--trainer.max_epochs", "9"], "leave out --trainer.max_epochs"),
    ],
)
def test_what_a_series_cannot_go_on_with_is_refused(
    words: list[str], message: str, stub: Stub, series_dir: SeriesDir, capsys: pytest.CaptureFixture[str]
) -> None:
    fit("--repeat", "3")
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", str(series_dir()), *words])
    assert message.format(series_dir()) in capsys.readouterr().err


@pytest.mark.parametrize(
    "record",
    [
        '{"kind": "seed", "words": [], "exit_codes": {}}',
        "",
        "[]",
        '{"kind": "x", "words": [], "exit_codes": {}}',
        '{"kind": "seed"}',
    ],
)
def test_a_damaged_record_is_named(record: str, mistake: Mistake, tmp_path: Path) -> None:
    (tmp_path / "series.json").write_text(record)
    assert "series.json' is damaged" in mistake("fit", "--ckpt_path", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--repeat", "1"], "repeat must be at least 2, got 1. Leave it out for a single run."),
        (["--repeat", "0"], "repeat must be at least 2, got 0"),
        (["--repeat", "-1"], "repeat must be at least 2, got -1"),
        (["--repeat", "~"], "Give a number to one of --repeat and --folds"),
        (["--repeat", "many"], "repeat"),
        (["--repeat", "2.5"], "repeat"),
        (["--folds", "1"], "folds must be at least 2, got 1"),
        (["--folds", "3", "--repeat", "3"], "one of --repeat and --folds: they cannot be combined"),
        (["--repeat", "3", "--seed_everything", "true"], "counts up from seed_everything, got true"),
        (["--repeat", "3", "--trainer.fast_dev_run", "true"], "with trainer.fast_dev_run they write nothing"),
        (["--repeat", "3", "--trainer.barebones", "true"], "with trainer.barebones they write nothing"),
        (["--folds", "3", "--checkpoint.dirpath", "x"], "with checkpoint.dirpath all runs"),
        (
            ["--folds", "3", "--find_batch_size", "true"],
            "with find_batch_size each training would search anew",
        ),
        (["--repeat", "3", "--trainer.max_epoch", "3"], "max_epochs"),
    ],
)
def test_mistakes_are_found_before_anything_runs(words: list[str], message: str, mistake: Mistake, stub: Stub) -> None:
    assert message in mistake("fit", *SMALL, *words)
    assert stub.calls == []


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--folds", "300"], "300 folds need 300 images of every class"),
        (["--folds", "5", "--data.val_split", "0.1"], "takes the place of data.val_split=0.1"),
    ],
)
def test_folds_that_the_data_cannot_give_are_refused_by_the_first_run(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(*words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.endswith("\n  It is set by --folds.\n")
    assert not Path("runs").exists()


def test_a_fold_that_was_typed_is_not_said_to_be_set_by_folds(mistake: Mistake) -> None:
    assert "--folds" not in mistake("fit", *SMALL, "--data.val_fold", "[0,300]")


def test_a_checkpoint_to_go_on_from_is_refused(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    main(["fit", *LITTLE, "--trainer.max_epochs", "1"])
    capsys.readouterr()
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", "last", "--repeat", "3"])
    assert "--repeat starts new runs, but --ckpt_path continues one" in capsys.readouterr().err


@pytest.mark.parametrize(
    "variables",
    [{"TORCHELASTIC_RUN_ID": "x"}, {"SLURM_NTASKS": "2", "SLURM_JOB_NAME": "job"}],
)
def test_launchers_of_several_processes_are_refused(
    variables: dict[str, str], mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert "without torchrun or srun" in mistake("fit", *SMALL, "--repeat", "2")


def test_the_best_of_a_series_is_that_of_its_best_run(stub: Stub, series_dir: SeriesDir, mistake: Mistake) -> None:
    fit("--repeat", "3")
    for run in series_dir().glob("seed_*"):
        torch.save({"state_dict": {}}, run / "checkpoints" / "last.ckpt")
    expected = series_dir() / "seed_2" / "checkpoints" / "last.ckpt"
    assert resolve_checkpoint("best", Path("runs")) == expected
    assert resolve_checkpoint(str(series_dir()), Path("runs")) == expected
    with pytest.raises(ValueError, match="holds several runs"):
        resolve_checkpoint(f"{series_dir()}/last", Path("runs"))


def test_folds_have_no_best(stub: Stub, series_dir: SeriesDir, capsys: pytest.CaptureFixture[str]) -> None:
    fit("--folds", "3")
    with pytest.raises(SystemExit, match="2"):
        main(["test", "--ckpt_path", str(series_dir())])
    assert f"Give one of them, such as {series_dir()}/fold_0." in capsys.readouterr().err


def test_runs_lists_those_of_a_series_at_their_time_in_order_of_seeds(stub: Stub) -> None:
    fit("--repeat", "11")
    for stamp in ("2000-01-01", "2100-01-01"):
        Path("runs/other", stamp).mkdir(parents=True)
        Path("runs/other", stamp, "config.fit.yaml").touch()
    names = [run.path.name for run in read_runs(Path("runs"))]
    assert names == ["2000-01-01", *(f"seed_{seed}" for seed in range(11)), "2100-01-01"]
