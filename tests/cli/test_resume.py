"""A checkpoint goes on where it stopped, tells what it was trained on, and starts other runs."""

import csv
import json
from collections.abc import Callable
from contextlib import nullcontext
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.chaos.comparison import scalars
from tests.conftest import SMALL, every

from litclassify.cli import main
from litclassify.cli.checkpoints.checkpoint import read_checkpoint
from litclassify.models import ImageClassifier
from litclassify.optim import warmup_cosine

Fit = Callable[..., Path]
RESUME = ["--trainer.enable_progress_bar", "false"]
FOLDER = ["--data.root", "images", "--data.image_size", "8", "--data.grayscale", "true", "--data.num_workers", "0"]


def test_fit_goes_on_in_its_own_run_with_all_its_settings(fit: Fit) -> None:
    run = fit("--data.batch_size", "128", "--early_stopping.patience", "7", "--trainer.gradient_clip_val", "0.5")
    main(["fit", "--ckpt_path", f"{run}/last", "--trainer.max_epochs", "4", *RESUME])
    assert list(Path("runs").glob("*/*")) == [run]
    config = yaml.safe_load((run / "config.fit.yaml").read_text())
    assert config["trainer"]["gradient_clip_val"] == 0.5
    assert config["early_stopping"]["init_args"]["patience"] == 7
    assert config["data"]["init_args"]["batch_size"] == 128
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 3


@pytest.mark.parametrize(
    "typed", every(2, [[], ["--runs_dir", "runs"], ["--run_name", "digits"], ["--run_name", "null"]])
)
def test_fit_goes_on_in_its_own_run_if_that_is_where_runs_go(
    fit: Fit, typed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fit("--trainer.max_epochs", "1")
    Path("new_runs.yaml").write_text("runs_dir: elsewhere\nrun_name: other\n")
    monkeypatch.setenv("LITCLASSIFY_RUNS_DIR", "somewhere")
    words = ["--config", "new_runs.yaml"] if "--run_name" not in typed else []
    words += ["--runs_dir", "runs"] if "digits" in typed else []
    main(["fit", "--ckpt_path", f"{run}/last", "--trainer.max_epochs", "2", *words, *typed, *RESUME])
    assert validated_epochs(run) == [0, 1]


def test_fit_goes_on_from_the_last_checkpoint_of_a_run(fit: Fit) -> None:
    run = fit("--model.optimizer.lr", "0.5", "--trainer.max_epochs", "3", "--checkpoint.save_top_k", "1")
    kept = [path.name for path in (run / "checkpoints").glob("epoch*")]
    assert "epoch002" not in kept[0], "the best must not be the last"
    main(["fit", "--ckpt_path", str(run), "--trainer.max_epochs", "4", *RESUME])
    assert validated_epochs(run) == [0, 1, 2, 3]


def test_a_best_checkpoint_that_is_gone_is_not_missed(
    fit: Fit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_train_end = ImageClassifier.on_train_end

    def remove(self: ImageClassifier) -> None:
        for path in Path("runs").rglob("epoch*.ckpt"):
            path.unlink()
        on_train_end(self)

    monkeypatch.setattr(ImageClassifier, "on_train_end", remove)
    fit()
    assert "best val_acc" in capsys.readouterr().out


@pytest.mark.parametrize("typed", every(2, [["--runs_dir", "elsewhere"], ["--run_name", "other"]]))
def test_fit_goes_on_elsewhere_if_that_is_typed(fit: Fit, typed: list[str]) -> None:
    run = fit("--trainer.max_epochs", "1")
    main(["fit", "--ckpt_path", f"{run}/last", "--trainer.max_epochs", "2", *typed, *RESUME])
    assert validated_epochs(run) == [0]
    assert len(list(Path().glob("*/*/*/metrics.csv"))) == 2


@pytest.mark.parametrize(
    ("config", "words"),
    every(
        2,
        [
            ("runs_dir: ${oc.env:PLACE}/runs", ["--runs_dir", "here/runs"]),
            ("trainer: {default_root_dir: here}", ["--trainer.default_root_dir", "here"]),
            ("{}", ["--runs_dir", "here"]),
            ("ckpt_path: missing.ckpt", ["--ckpt_path", "null", "--runs_dir", "here"]),
        ],
    ),
)
def test_the_newest_checkpoint_is_looked_for_where_runs_go(
    config: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLACE", "here")
    Path("config.yaml").write_text(config)
    configured = ["--config", "config.yaml"] if "ckpt_path" in config else []
    main(["fit", *SMALL, "--trainer.max_epochs", "1", *configured, *words])
    given = ["--runs_dir", "here"] if config == "{}" or "ckpt_path" in config else ["--config", "config.yaml"]
    main(["validate", "--ckpt_path", "best", *given, *RESUME])
    assert "val_acc" in capsys.readouterr().out


def test_a_run_goes_on_with_another_patience(fit: Fit) -> None:
    run = fit("--early_stopping.patience", "7")
    main(["fit", "--ckpt_path", f"{run}/last", "--early_stopping.patience", "3", "--trainer.max_epochs", "3", *RESUME])
    callbacks = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]
    (state,) = (state for name, state in callbacks.items() if name.startswith("EarlyStopping"))
    assert state["patience"] == 3


@pytest.mark.parametrize(("words", "epochs"), every(2, [([], 2), (["--early_stopping.patience", "5"], 4)]))
def test_a_run_that_had_stopped_goes_on_if_it_is_given_patience(fit: Fit, words: list[str], epochs: int) -> None:
    run = fit("--early_stopping.patience", "1", "--early_stopping.min_delta", "1", "--trainer.max_epochs", "9")
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1
    main(["fit", "--ckpt_path", f"{run}/last", "--trainer.max_epochs", "4", *words, *RESUME])
    assert len(validated_epochs(run)) == epochs


@pytest.mark.parametrize(
    ("words", "goes_on"),
    every(
        2,
        [
            ([], False),
            (["--early_stopping.stopping_threshold", "0.15"], False),
            (["--early_stopping.stopping_threshold", "0.9999"], True),
            (["--early_stopping.stopping_threshold", "null"], True),
            (["--early_stopping", "null"], True),
        ],
    ),
)
def test_a_run_that_a_threshold_had_stopped_goes_on_if_it_has_not_reached_another(
    fit: Fit, words: list[str], goes_on: bool
) -> None:
    run = fit("--early_stopping.stopping_threshold", "0.2", "--trainer.max_epochs", "9")
    assert validated_epochs(run) == [0]
    main(["fit", "--ckpt_path", f"{run}/last", "--trainer.max_epochs", "2", *words, *RESUME])
    assert validated_epochs(run) == ([0, 1] if goes_on else [0])


def test_a_run_that_had_stopped_goes_on_with_another_min_delta(fit: Fit) -> None:
    run = fit("--early_stopping.patience", "1", "--early_stopping.min_delta", "1", "--trainer.max_epochs", "9")
    assert validated_epochs(run) == [0, 1]
    main(["fit", "--ckpt_path", f"{run}/last", "--early_stopping.min_delta", "0", "--trainer.max_epochs", "3", *RESUME])
    assert validated_epochs(run) == [0, 1, 2]


@pytest.mark.parametrize(
    ("words", "key"),
    every(
        2,
        [
            (["--model.optimizer.lr", "0.02"], "model.optimizer.lr is 0.02, but"),
            (["--model.optimizer", "SGD"], "model.optimizer is torch.optim.SGD, but"),
            (["--model.lr_scheduler", "null"], "model.lr_scheduler is null, but"),
            (["--model.lr_scheduler.warmup", "0.5"], "model.lr_scheduler.warmup is 0.5, but"),
            (["--model.lr_interval", "epoch"], "model.lr_interval is epoch, but"),
        ],
    ),
)
def test_what_the_state_of_the_optimizer_holds_cannot_be_changed(
    fit: Fit, capsys: pytest.CaptureFixture[str], words: list[str], key: str
) -> None:
    fit("--model.lr_scheduler", "WarmupCosine", "--trainer.max_epochs", "1")
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", "last", "--trainer.max_epochs", "3", *words])
    assert key in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    every(
        3,
        [
            (["--model.optimizer.lr", "0.77"], "model.optimizer.lr is 0.77, but"),
            (["--model.network.hidden_features", "[7]"], "its weights do not fit model.network"),
            (["--early_stopping.monitor", "val_nothing"], "early_stopping.monitor is 'val_nothing'"),
        ],
    ),
)
def test_a_refused_continuation_leaves_the_run_as_it_was(
    fit: Fit, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    """Wherever it is refused: by the command line, when weights are loaded, or in the validation before training."""
    run = fit()
    first = next((run / "checkpoints").glob("epoch000*"))
    before = contents(run)
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", str(first), "--trainer.max_epochs", "9", *words, *RESUME])
    assert expected in capsys.readouterr().err
    assert changed(run, before) == []


def test_a_one_cycle_schedule_is_as_long_as_the_run_was_when_it_began(
    fit: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit("--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.01")
    before = contents(run)
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", "last", "--trainer.max_epochs", "3", *RESUME])
    assert "this OneCycleLR ends after 10 steps, training after 15." in capsys.readouterr().err
    assert changed(run, before) == []


@pytest.mark.parametrize(
    ("interval", "unit", "epochs"), every(2, [("step", 5, 4), ("epoch", 1, 3)])
)  # 5 steps an epoch.
def test_a_schedule_that_goes_by_another_length_goes_on_where_it_says(
    fit: Fit, caplog: pytest.LogCaptureFixture, interval: str, unit: int, epochs: int
) -> None:
    schedule = ["--model.lr_scheduler", "WarmupCosine", "--model.lr_scheduler.warmup", "0"]
    run = fit(*schedule, "--model.lr_interval", interval, "--trainer.log_every_n_steps", "1")
    main(["fit", "--ckpt_path", f"{run}/last", "--trainer.max_epochs", str(epochs), *RESUME])
    rate = 0.01 * warmup_cosine(2 * unit, epochs * unit, 0)
    assert f"the learning rate goes on at {rate:.3g}, and was 0 at the checkpoint." in caplog.text
    first = next(row for row in logged(run) if int(row["step"]) >= 10 and row["lr-AdamW"])
    assert int(first["step"]) == 10
    assert float(first["lr-AdamW"]) == pytest.approx(rate)


def test_a_schedule_goes_on_along_its_new_curve_where_the_jump_is_not_worth_a_word(
    fit: Fit, caplog: pytest.LogCaptureFixture
) -> None:
    run = fit("--model.lr_scheduler", "WarmupCosine", "--model.lr_interval", "epoch", "--trainer.max_epochs", "9")
    first = next((run / "checkpoints").glob("epoch004*"))
    main(["fit", "--ckpt_path", str(first), "--trainer.max_epochs", "10", *RESUME])
    assert "the learning rate goes on at" not in caplog.text
    row = next(row for row in logged(run) if row["step"] == "25" and row["lr-AdamW"])
    assert float(row["lr-AdamW"]) == pytest.approx(0.01 * warmup_cosine(5, 10, 0))


def test_a_schedule_that_goes_on_as_it_was_says_nothing(fit: Fit, caplog: pytest.LogCaptureFixture) -> None:
    run = fit("--model.lr_scheduler", "WarmupCosine", "--trainer.max_epochs", "3")
    (first,) = (run / "checkpoints").glob("epoch000*")
    main(["fit", "--ckpt_path", str(first), *RESUME])
    assert validated_epochs(run) == [0, 1, 2]
    assert "Restored all states" in caplog.text
    assert "the learning rate goes on" not in caplog.text


@pytest.mark.parametrize("total_steps", every(2, [9, 10]))
def test_a_one_cycle_schedule_that_is_given_too_short_a_length_is_refused(fit: Fit, total_steps: int) -> None:
    words = ["--model.lr_scheduler.max_lr", "0.01", "--model.lr_scheduler.total_steps", str(total_steps)]
    with nullcontext() if total_steps == 10 else pytest.raises(SystemExit, match="2"):
        fit("--model.lr_scheduler", "OneCycleLR", *words)


def changed(run: Path, before: dict[str, bytes]) -> list[str]:
    after = contents(run)
    return [name for name in before if after.get(name) != before[name]]


def contents(run: Path) -> dict[str, bytes]:
    files = [path for path in run.rglob("*") if path.is_file() and path.name != ".training.launch"]
    return {str(path): path.read_bytes() for path in files}


def test_a_run_that_goes_on_from_an_older_checkpoint_has_none_that_is_newer_than_its_logs(
    fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fit("--trainer.max_epochs", "3")
    folder = run / "checkpoints"
    first = next(folder.glob("epoch000*"))

    def fail(*arguments: Any) -> None:
        raise KeyError("as a bug would")

    with monkeypatch.context() as patch:
        patch.setattr(ImageClassifier, "training_step", fail)
        with pytest.raises(KeyError, match="as a bug would"):
            main(["fit", "--ckpt_path", str(first), *RESUME])
    assert not (run / "finished").exists()
    steps = [read_checkpoint(folder / name).next_step for name in (first.name, "last.ckpt", "previous.ckpt")]
    assert steps == [5, 5, 5]
    assert validated_epochs(run) == [0]
    main(["fit", "--ckpt_path", f"{run}/last", *RESUME])
    assert validated_epochs(run) == [0, 1, 2]
    assert read_checkpoint(folder / "last.ckpt").next_step == 15


def test_an_epoch_that_max_steps_had_cut_off_is_logged_as_a_whole(fit: Fit) -> None:
    """Of 5 steps each, in the middle of the second."""
    cut = fit("--run_name", "cut", "--trainer.max_steps", "7")
    assert {"train_acc", "train_loss"} <= {name for name, step, _ in scalars(cut) if step == 6}
    main(["fit", "--ckpt_path", f"{cut}/last", "--trainer.max_steps", "-1", *RESUME])
    whole = fit("--run_name", "whole")
    assert logged(cut) == logged(whole)
    assert scalars(cut) == scalars(whole)


@pytest.mark.parametrize("steps", every(2, [[], ["--trainer.max_steps", "7"]]))
def test_a_run_that_has_nothing_left_to_train_logs_its_end_once(fit: Fit, steps: list[str]) -> None:
    run = fit(*steps)
    logged = (run / "metrics.csv").read_text()
    assert "best_val_acc" in logged
    main(["fit", "--ckpt_path", f"{run}/last", *RESUME])
    assert list(csv.DictReader(StringIO((run / "metrics.csv").read_text()))) == list(csv.DictReader(StringIO(logged)))


@pytest.mark.filterwarnings("ignore:.*is damaged. The checkpoint before it is taken")
def test_a_run_whose_last_checkpoint_is_damaged_leaves_none_of_its_names(fit: Fit) -> None:
    run = fit()
    file = run / "checkpoints" / "last.ckpt"
    file.write_bytes(file.read_bytes()[:-1000])
    main(["fit", "--ckpt_path", f"{run}/last", *RESUME])
    best = sorted(file.parent.glob("epoch*.ckpt"))
    assert [path.name[: len("epoch000")] for path in best] == ["epoch000", "epoch001"]
    assert [read_checkpoint(path).next_step for path in best] == [5, 10]
    assert not any(path.stem.endswith("-v1") for path in best)


def logged(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def validated_epochs(run: Path) -> list[int]:
    return [int(row["epoch"]) for row in logged(run) if row["val_acc"]]


@pytest.mark.parametrize("key", every(2, ["to_remove", "to_save", "best_model_path", "last_model_path"]))
def test_a_checkpoint_that_lays_claim_to_other_files_is_refused(
    fit: Fit, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    run = fit()
    path = run / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    folder = f"{run}/checkpoints"
    claimed = f"{folder}/../../../victim.ckpt"
    state = {"dirpath": folder, key: claimed if key.endswith("path") else [claimed]}
    checkpoint["callbacks"] = {"ModelCheckpoint{}": state}
    torch.save(checkpoint, path)
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", str(path), "--trainer.max_epochs", "9", *RESUME])
    assert "training on could delete it" in capsys.readouterr().err


def test_a_run_above_the_current_directory_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    main(["fit", *SMALL, "--runs_dir", "../runs", "--trainer.max_epochs", "1"])
    (run,) = Path("../runs").glob("*/*")
    main(["fit", "--ckpt_path", f"{run}/last", "--trainer.max_epochs", "2", *RESUME])
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1


def test_a_schedule_of_accumulation_holds_in_the_middle_of_an_epoch(fit: Fit) -> None:
    words = ["--data.batch_size", "160", "--trainer.max_epochs", "1", "--checkpoint.every_n_train_steps", "1"]
    words += ["--checkpoint.filename", "step{step}", "--checkpoint.monitor", "null", "--checkpoint.save_top_k", "-1"]
    words += ["--trainer.callbacks+", "GradientAccumulationScheduler", "--trainer.callbacks.scheduling", "{0: 4}"]
    run = fit(*words)
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2
    main(["fit", "--ckpt_path", str(run / "checkpoints" / "step1.ckpt"), *RESUME])
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2


def test_the_curve_goes_on_where_it_stopped(fit: Fit) -> None:
    run = fit()
    main(["fit", "--ckpt_path", "last", "--trainer.max_epochs", "4", *RESUME])
    assert validated_epochs(run) == [0, 1, 2, 3]


def test_a_name_of_its_own_gives_the_continuation_a_run_of_its_own(fit: Fit) -> None:
    first = fit()
    main(["fit", "--ckpt_path", str(first), "--run_name", "second", "--trainer.max_epochs", "3", *RESUME])
    assert len(list(Path("runs/second").iterdir())) == 1


def test_data_with_other_classes_is_refused_with_both_lists(
    fit: Fit, class_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit()
    with pytest.raises(SystemExit) as stop:
        main(["test", "--ckpt_path", str(run), "--data", "ImageFolder", *FOLDER])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert "checkpoint (10): 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in message
    assert "data (2): bright, dark" in message


def test_other_data_with_the_same_classes_is_evaluated(class_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["fit", *SMALL, "--data", "ImageFolder", *FOLDER, "--data.val_split", "6", "--data.test_split", "6"])
    class_folders.rename("elsewhere")
    main(["test", "--ckpt_path", "best", "--data.root", "elsewhere", *RESUME])
    assert "test_acc" in capsys.readouterr().out


def test_a_run_for_other_classes_starts_from_the_weights_of_a_checkpoint(fit: Fit, class_folders: Path) -> None:
    run = fit()
    checkpoint = run / "checkpoints" / "last.ckpt"
    main(["fit", *SMALL, "--data", "ImageFolder", *FOLDER, "--model.init_from", str(checkpoint), "--run_name", "other"])
    assert list(Path("runs/other").glob("*/checkpoints/last.ckpt"))


def test_an_argument_that_a_class_no_longer_has_is_reported_and_left_out(fit: Fit) -> None:
    run = fit()
    path = run / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["datamodule_hyper_parameters"]["shuffel"] = True
    checkpoint["hyper_parameters"]["network"]["init_args"]["old"] = 3
    torch.save(checkpoint, path)
    with pytest.warns(UserWarning, match="is left out") as warned:
        main(["test", "--ckpt_path", str(path), *RESUME])
    messages = " ".join(str(warning.message) for warning in warned)
    assert "model.network.old is left out" in messages
    assert "data.shuffel is left out" in messages


def test_a_run_says_what_it_was_made_with(fit: Fit) -> None:
    environment = json.loads((fit("--seed_everything", "5") / "environment.fit.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__.split("+")[0]
    assert environment["seed"] == 5
    assert "--seed_everything 5" in environment["command"]


def test_a_damaged_config_of_the_run_is_named(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit("--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1")
    (run / "config.fit.yaml").write_text("data: [")
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", str(run)])
    assert f"'{run}/config.fit.yaml' is not valid YAML, line 1" in capsys.readouterr().err


def test_the_config_of_a_run_is_whole_without_the_fragments_it_came_from(fit: Fit) -> None:
    Path("fragment.yaml").write_text("limit_train_batches: 1")
    run = fit("--trainer", "fragment.yaml", "--trainer.max_epochs", "1")
    config = yaml.safe_load((run / "config.fit.yaml").read_text())
    assert config["trainer"]["limit_train_batches"] == 1
    assert not (run / "fragment.yaml").exists()
