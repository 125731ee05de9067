"""`average` writes the mean of checkpoints, for test, validate and predict."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.cli.conftest import Mistake

from litclassify.cli import main
from litclassify.cli.checkpoints.path import best_checkpoints
from litclassify.cli.commands.average import cosine_similarity

Fit = Callable[..., Path]
NETWORK = ["--model.network", "ResNet9", "--model.network.in_channels", "1", "--model.network.width", "2"]
SHORT = ["--trainer.limit_train_batches", "2", "--trainer.max_epochs", "3"]
QUIET = ["--trainer.enable_progress_bar", "false"]


def state(path: Path | str) -> dict:
    return torch.load(path, weights_only=True)["state_dict"]


def test_the_average_of_a_run_is_the_mean_of_its_checkpoints(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(*NETWORK, *SHORT)
    files = sorted((run / "checkpoints").glob("epoch*"))
    assert len(files) == 3
    main(["average", str(run), "--output", "averages/soup.ckpt"])
    assert "average of these 3 is 'averages/soup.ckpt'" in capsys.readouterr().out
    averaged, states = state("averages/soup.ckpt"), [state(file) for file in files]
    for name, value in averaged.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, sum(other[name] for other in states) / 3)
    best = state(best_checkpoints(run)[0])
    assert averaged["network.features.0.1.num_batches_tracked"] == best["network.features.0.1.num_batches_tracked"]


def test_the_average_is_tested_and_predicts_without_a_config(fit: Fit) -> None:
    run = fit(*SHORT)
    main(["average", str(run), "--top", "2", "--output", "soup.ckpt"])
    main(["test", "--ckpt_path", "soup.ckpt", "--run_name", "soup", *QUIET])
    (metrics,) = Path("runs/soup").glob("*/metrics.json")
    assert "test_acc" in json.loads(metrics.read_text())
    main(["predict", "--ckpt_path", "soup.ckpt", "--output", "soup.csv", *QUIET])
    assert Path("soup.csv").is_file()


def test_networks_that_have_nothing_in_common_are_warned_of(fit: Fit) -> None:
    run, other = (fit(*NETWORK, *SHORT, "--seed_everything", seed) for seed in ("1", "2"))
    with pytest.warns(UserWarning, match=r"little in common \(cosine similarity -?0\.[01]"):
        main(["average", str(run), str(other), "--top", "1", "--output", "soup.ckpt"])


def test_similarity_is_the_cosine_of_all_weights() -> None:
    first, other = ({"w": torch.randn(3, 4), "b": torch.ones(3), "n": torch.tensor(3)} for _ in range(2))
    expected = torch.cosine_similarity(first["w"].flatten(), other["w"].flatten(), dim=0)
    assert cosine_similarity(first, other) == pytest.approx(float(expected), abs=1e-6)
    assert cosine_similarity(first, {**first, "w": 3 * first["w"]}) == pytest.approx(1)


@pytest.mark.parametrize(("monitor", "mode"), [("val_acc", "max"), ("val_loss", "min")])
def test_the_best_checkpoints_of_a_run_come_first(fit: Fit, monitor: str, mode: str) -> None:
    name = ["--checkpoint.filename", f"{{epoch}}-{{{monitor}:.6f}}", "--checkpoint.monitor", monitor]
    run = fit(*SHORT, *name, "--checkpoint.mode", mode)
    scores = [float(file.stem.rpartition("-")[2]) for file in best_checkpoints(run)]
    assert scores == sorted(scores, reverse=mode == "max")
    assert len(scores) == 3


def test_of_equal_ones_the_latest_comes_first(fit: Fit) -> None:
    run = fit(*SHORT, "--model.optimizer.lr", "0")
    epochs = [file.name.partition("-")[0] for file in best_checkpoints(run)]
    assert epochs == ["epoch002", "epoch001", "epoch000"]


def test_an_average_among_the_checkpoints_of_a_run_does_not_hide_them(fit: Fit) -> None:
    run = fit(*SHORT)
    before = best_checkpoints(run)
    main(["average", str(run), "--output", str(run / "checkpoints" / "soup.ckpt")])
    assert best_checkpoints(run) == before


def test_an_average_is_the_start_of_a_training_and_not_one_to_go_on(
    fit: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["average", str(fit(*SHORT)), "--output", "soup.ckpt"])
    fit(*SHORT, "--model.init_from", "soup.ckpt")
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", "soup.ckpt", "--trainer.max_epochs", "5", *QUIET])
    assert "fit --model.init_from" in capsys.readouterr().err


def test_mistakes_are_named(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(*SHORT)
    wider = fit(*SHORT, "--model.network.hidden_features", "[32]", "--run_name", "wide")
    one, other = run / "checkpoints" / "last.ckpt", wider / "checkpoints" / "last.ckpt"
    for words, expected in {
        (str(run), str(wider), "--output", "soup.ckpt"): "are of different networks: they differ in 'network'",
        (str(one), "--output", "soup.ckpt"): "at least 2 checkpoints, got 1",
        (str(one), str(one), "--output", "soup.ckpt"): "at least 2 checkpoints, got 1",
        (str(one), str(one.resolve()), "--output", "soup.ckpt"): "at least 2 checkpoints, got 1",
        (str(one), "nope.ckpt", "--output", "soup.ckpt"): "'nope.ckpt' does not exist",
        (str(run), "--top", "0", "--output", "soup.ckpt"): "--top must be at least 1, got 0",
        (str(one), str(other), "--top", "1", "--output", "soup.ckpt"): "--top 1 has no effect: it is for directories",
        (str(one), str(other), "--output", str(one)): f"--output '{one}' is one of the checkpoints to average",
        (str(one), str(other), "--output", str(run)): f"--output '{run}' is a directory",
    }.items():
        capsys.readouterr()
        with pytest.raises(SystemExit, match="2"):
            main(["average", *words])
        assert expected in capsys.readouterr().err
        assert not Path("soup.ckpt").exists()


def test_networks_that_plain_python_trained_are_told_apart_by_their_tensors(mistake: Mistake) -> None:
    torch.save({"state_dict": {"a": torch.ones(2)}}, "a.ckpt")
    torch.save({"state_dict": {"b": torch.ones(2)}}, "b.ckpt")
    assert "they differ in 'a'" in mistake("average", "a.ckpt", "b.ckpt", "--output", "soup.ckpt")


def test_a_run_without_scores_is_named(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(*SHORT, "--checkpoint.monitor", "null", "--checkpoint.save_top_k", "1")
    with pytest.raises(SystemExit, match="2"):
        main(["average", str(run), "--output", "soup.ckpt"])
    assert "no checkpoints that were kept for a metric" in capsys.readouterr().err
