"""`model.init_from` takes what `--ckpt_path` takes; what is recorded is the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.conftest import Mistake
from tests.conftest import SMALL

from litclassify.cli import main
from litclassify.cli.dry_run import parse
from litclassify.cli.series import command
from litclassify.cli.series.loop import Series

Fit = Callable[..., Path]


def init_from(config: dict[str, Any]) -> str | None:
    given: str | None = config["model"]["init_args"]["init_from"]
    return given


def checkpoints(run: Path) -> dict[str, str]:
    """The best and the last checkpoint of a run."""
    (best,) = (run / "checkpoints").glob("epoch*.ckpt")
    return {"best": str(best), "last": str(run / "checkpoints" / "last.ckpt")}


def test_what_stands_for_a_checkpoint_is_a_file_in_the_config(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fit("--trainer.max_epochs", "1", "--runs_dir", "runs")
    best, last = checkpoints(run).values()
    given = {"best": best, "last": last, str(run): best, f"{run}/last": last, last: last}
    found = {words: init_from(parse(["fit", *SMALL, "--model.init_from", words])) for words in given}
    assert found == given
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert init_from(parse(["fit", *SMALL, "--model.init_from", f"~/{run}"])) == str(Path(best).absolute())
    Path("first.yaml").write_text("model:\n  init_args:\n    init_from: best\n")
    assert init_from(parse(["fit", *SMALL, "--config", "first.yaml"])) == best


def test_a_run_records_the_file_and_keeps_it_when_it_is_resumed(fit: Fit, caplog: pytest.LogCaptureFixture) -> None:
    last = checkpoints(fit("--trainer.max_epochs", "1"))["last"]
    words = ["--model.init_from", "last", "--run_name", "second", "--resume", "auto"]
    second = fit(*words, "--trainer.max_epochs", "1")
    assert f"Started from {last}: " in caplog.text
    (second / "finished").unlink()
    assert fit(*words, "--trainer.max_epochs", "2") == second
    assert init_from(yaml.safe_load((second / "config.fit.yaml").read_text())) == last


def test_all_runs_of_a_series_start_from_the_same_file(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = checkpoints(fit("--trainer.max_epochs", "1"))["last"]
    started: list[Series] = []
    monkeypatch.setattr(command, "run_series", lambda series, typed: started.append(series))
    main(["fit", *SMALL, "--repeat", "2", "--model.init_from", "last"])
    assert init_from(parse(["fit", *started[0].words_of(1)])) == expected
    assert expected in started[0].words_of(1)


def test_where_there_is_no_run_that_is_said(mistake: Mistake) -> None:
    message = mistake("fit", *SMALL, "--model.init_from", "best")
    assert "model.init_from best: no run under 'runs' has a checkpoint. Train one with fit." in message
    Path("photos").mkdir()
    assert "model.init_from: 'photos' holds no 'checkpoints/*.ckpt'" in mistake(
        "fit", *SMALL, "--model.init_from", "photos"
    )
