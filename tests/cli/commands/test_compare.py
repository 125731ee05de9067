"""`compare` puts runs side by side."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Mistake

from litclassify.cli import main

CONFIG = "seed_everything: {seed}\nmodel: {{class_path: {network}}}\nrun_name: {seed}\n"
MakeRun = Callable[..., str]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write what a run leaves: its config, and unless there are none, test metrics and answers."""

    def make(name: str, seed: int, network: str = "LeNet", answers: str = "") -> str:
        run = tmp_path / "results" / name
        run.mkdir(parents=True)
        (run / "config.fit.yaml").write_text(CONFIG.format(seed=seed, network=network))
        if answers:
            (run / "metrics.json").write_text(json.dumps({"test_acc": answers.count("+") / len(answers)}))
            rows = [f"{i}.png,cat,{'cat' if answer == '+' else 'dog'},0.9,0.1" for i, answer in enumerate(answers)]
            (run / "test_predictions.csv").write_text("\n".join(["path,target,label,confidence,loss", *rows]) + "\n")
        return f"results/{name}"

    return make


def printed(capsys: pytest.CaptureFixture[str], *runs: str) -> list[list[str]]:
    main(["compare", *runs])
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_metrics_settings_and_answers_stand_side_by_side(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [make_run("a", 1, answers="++++-"), make_run("b", 2, "MLP", "+----"), make_run("c", 1, answers="++++-")]
    rows = printed(capsys, *runs)
    assert rows[0] == ["metric", "a", "b", "c"]
    assert ["test_acc", "0.8000", "0.2000", "0.8000"] in rows
    assert ["seed_everything", "1", "2", "1"] in rows
    assert ["model", "LeNet", "MLP", "LeNet"] in rows
    assert not any("run_name" in row for row in rows)
    assert rows[-3:] == [["a", "b", "3", "0", "0.25"], ["a", "c", "0", "0", "1"], ["b", "c", "0", "3", "0.25"]]


def test_runs_without_common_images_have_no_paired_test(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [make_run("a", 1, answers="+-"), make_run("b", 1, answers="+-+"), make_run("c", 1)]
    rows = printed(capsys, *runs)
    assert ["Settings", "that", "differ:", "none"] in rows
    assert [row[4:] for row in rows[-3:]] == [["no", "common", "test", "images"]] * 3


def test_mistakes_are_refused(make_run: MakeRun, mistake: Mistake, tmp_path: Path) -> None:
    run = make_run("a", 1)
    assert "at least 2 runs, got 1" in mistake("compare", run, run)
    assert "'results' is no run: it has no config.fit.yaml" in mistake("compare", run, "results")
    assert "RUN" in mistake("compare")


def test_torch_is_not_loaded(make_run: MakeRun) -> None:
    words = ["compare", make_run("a", 1, answers="+"), make_run("b", 2, answers="-")]
    code = f"import sys; from litclassify.cli import main; main({words}); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
