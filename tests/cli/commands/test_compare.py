"""`compare` puts runs side by side."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import ttest_ind
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


MakeSeries = Callable[..., str]


@pytest.fixture
def make_series(make_run: MakeRun, tmp_path: Path) -> MakeSeries:
    """Write what several seeds leave, of which the last one given may have failed."""

    def make(name: str, values: list[float], failed: int = 0, kind: str = "seed", network: str = "LeNet") -> str:
        codes = {}
        for number, value in enumerate(values):
            run = Path(make_run(f"{name}/{kind}_{number}", number, network))
            (run / "metrics.json").write_text(json.dumps({"test_acc": value}))
            monitor = "checkpoint: {init_args: {monitor: val_acc, mode: max}}\n"
            (run / "config.fit.yaml").write_text((run / "config.fit.yaml").read_text() + monitor)
            codes[number] = 1 if number >= len(values) - failed else 0
        record = {"kind": kind, "words": [], "exit_codes": codes}
        (tmp_path / "results" / name / "series.json").write_text(json.dumps(record))
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


def test_series_stand_side_by_side_by_their_means(make_series: MakeSeries, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = [0.9, 0.91, 0.92, 0.1], [0.8, 0.83, 0.82, 0.81]
    rows = printed(capsys, make_series("a", first, failed=1), make_series("b", second, network="MLP"))
    assert ["test_acc", "0.9100", "±", "0.0100", "0.8150", "±", "0.0129"] in rows
    assert ["model", "LeNet", "MLP"] in rows
    assert not any("seed_everything" in row for row in rows)  # It varies in both.
    p_value = ttest_ind(first[:3], second, equal_var=False).pvalue
    assert rows[-1] == ["a", "b", "test_acc", "+0.0950", f"{p_value:.2g}"]
    assert not any("McNemar's" in row for row in rows)


def test_a_series_beside_runs(make_run: MakeRun, make_series: MakeSeries, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [make_run("a", 1, answers="++-"), make_series("b", [0.5, 0.7]), make_run("c", 2, answers="+--")]
    rows = printed(capsys, *runs)
    assert ["test_acc", "0.6667", "0.6000", "±", "0.1414", "0.3333"] in rows
    assert ["seed_everything", "1", "(varies)", "2"] in rows
    assert rows[-1] == ["a", "c", "1", "0", "1"]
    assert not any("Welch's" in line for row in rows for line in row)


def test_folds_have_no_test_of_their_means(make_series: MakeSeries, capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, *(make_series(name, [0.5, 0.7], kind="fold") for name in "ab"))
    assert ["test_acc", "0.6000", "±", "0.1414", "0.6000", "±", "0.1414"] in rows
    assert not any("Welch's" in line for row in rows for line in row)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5]])
def test_seeds_without_a_spread_are_not_tested(
    values: list[float], make_series: MakeSeries, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = printed(capsys, make_series("a", [*values, 0.6], failed=1), make_series("b", [0.5, 0.5]))
    assert ["test_acc", "0.5000", *["±", "0.0000"] * (len(values) - 1), "0.5000", "±", "0.0000"] in rows
    assert rows[-1][3:] == ["-", "too", "few", "runs,", "or", "all", "alike"]


def test_series_without_results_are_refused(make_series: MakeSeries, mistake: Mistake) -> None:
    failed, good = make_series("a", [0.5, 0.6], failed=2), make_series("b", [0.5, 0.6])
    assert f"'{failed}' is a series of which no run has ended. fit --ckpt_path {failed}" in mistake(
        "compare", failed, good
    )
    Path(failed, "series.json").write_text("{")
    assert f"'{failed}/series.json' is damaged" in mistake("compare", good, failed)


def test_mistakes_are_refused(make_run: MakeRun, mistake: Mistake, tmp_path: Path) -> None:
    run = make_run("a", 1)
    assert "at least 2 runs, got 1" in mistake("compare", run, run)
    assert "at least 2 runs, got 1" in mistake("compare", run, os.path.relpath(run))
    (tmp_path / "empty").mkdir()
    assert mistake("compare", run, "empty").endswith("'empty' is not a run: it has no config.fit.yaml.")
    assert "RUN" in mistake("compare")


def test_a_folder_of_runs_is_told_from_a_run(make_run: MakeRun, make_series: MakeSeries, mistake: Mistake) -> None:
    run = make_run("digits/a", 1)
    make_series("wide/a", [0.5, 0.6])
    for words, folder, pattern in (
        (["results/digits"], "results/digits", "results/digits/*"),
        ([run, "results/wide"], "results/wide", "results/wide/*"),
        (["results"], "results", "results/*/*"),
    ):
        assert mistake("compare", *words).endswith(
            f"'{folder}' is not a run: it has no config.fit.yaml. It holds runs: give two or more of them, or all by "
            f"{pattern}."
        )


def test_torch_is_not_loaded(make_run: MakeRun) -> None:
    words = ["compare", make_run("a", 1, answers="+"), make_run("b", 2, answers="-")]
    code = f"import sys; from litclassify.cli import main; main({words}); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
