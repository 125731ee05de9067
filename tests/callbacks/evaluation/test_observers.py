"""What holds for every callback that only looks on."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from tests.callbacks.observed import classifier, events, train, train_labels
from tests.conftest import SMALL

from litclassify.batch_mixing import MixUp
from litclassify.callbacks import (
    EmbeddingProjector,
    GradientNorm,
    NetworkGraph,
    SampleImages,
    SpeedMonitor,
    ValidationMetrics,
    ValidationReport,
    WeightHistograms,
)
from litclassify.cli import main
from litclassify.evaluation import METRICS

Make = Callable[[], Callback]
OBSERVERS: dict[str, Make] = {
    "EmbeddingProjector": EmbeddingProjector,
    "GradientNorm": GradientNorm,
    "NetworkGraph": NetworkGraph,
    "SampleImages": SampleImages,
    "SpeedMonitor": SpeedMonitor,
    "ValidationMetrics": lambda: ValidationMetrics([name for name in METRICS.names if name != "acc"]),
    "ValidationReport": lambda: ValidationReport(every_n_epochs=2, gallery=2),
    "WeightHistograms": WeightHistograms,
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """Give the weights, and the next random numbers, of a training that nothing looks on."""
    return train(tmp_path_factory.mktemp("alone"), model=classifier(batch_mixing=MixUp()), max_epochs=3, logger=False)


@pytest.mark.parametrize("make", OBSERVERS.values(), ids=list(OBSERVERS))
def test_training_is_the_same_to_the_last_bit(make: Make, alone: dict[str, torch.Tensor], tmp_path: Path) -> None:
    watched = train(tmp_path, make(), model=classifier(batch_mixing=MixUp()), max_epochs=3)
    assert torch.equal(watched["random"], alone["random"])
    assert watched["state"].keys() == alone["state"].keys()
    for name, value in alone["state"].items():
        assert torch.equal(watched["state"][name], value), name


@pytest.mark.parametrize("make", OBSERVERS.values(), ids=list(OBSERVERS))
@pytest.mark.parametrize("settings", [{"logger": False}, {"fast_dev_run": True}], ids=["no logger", "fast_dev_run"])
def test_without_a_logger_nothing_is_written(make: Make, settings: dict[str, bool], tmp_path: Path) -> None:
    train(tmp_path, make(), **settings)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("make", OBSERVERS.values(), ids=list(OBSERVERS))
def test_a_run_that_goes_on_has_each_point_once(make: Make, tmp_path: Path) -> None:
    run, checkpoint = tmp_path / "run", tmp_path / "first.ckpt"
    train(run, make())["trainer"].save_checkpoint(checkpoint)
    train(run, make(), max_epochs=3, ckpt_path=checkpoint)
    found = events(run)
    for kind, read in (("scalars", found.Scalars), ("images", found.Images), ("histograms", found.Histograms)):
        for tag in set(found.Tags()[kind]) - {"epoch"}:  # Which Lightning writes with each of its lines.
            steps = [point.step for point in read(tag)]
            assert len(steps) == len(set(steps)), tag
    config = run / "projector_config.pbtxt"
    assert not config.exists() or config.read_text().count("embeddings") == 1


SHOWN_OF_LABELS = {
    "EmbeddingProjector": "projector_config.pbtxt",
    "GradientNorm": "grad_norm",
    "NetworkGraph": "graph",
    "SampleImages": "train_images",
    "SpeedMonitor": "images_per_second",
    "ValidationMetrics": "val_auroc",
    "ValidationReport": "val/wrong_labels",
    "WeightHistograms": "weights/0.weight",
}


@pytest.mark.parametrize("name", OBSERVERS)
def test_several_labels_are_shown_as_well(name: str, tmp_path: Path) -> None:
    of_labels = name == "ValidationMetrics"
    train_labels(tmp_path, ValidationMetrics(["recall_micro", "auroc"]) if of_labels else OBSERVERS[name]())
    tags = events(tmp_path).Tags()
    shown = {*tags["scalars"], *tags["images"], *tags["histograms"], *(path.name for path in tmp_path.iterdir())}
    assert SHOWN_OF_LABELS[name] in shown | ({"graph"} if tags["graph"] else set())


def test_a_config_switches_them_on(tmp_path: Path) -> None:
    words = [f"--trainer.callbacks+={name}" for name in OBSERVERS]
    main(["fit", *SMALL, *words, "--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "2"])
    (run,) = Path("runs").glob("*/*")
    found = events(run)
    tags = found.Tags()
    assert {"val_f1", "images_per_second", "data_wait_share"} <= set(tags["scalars"])
    assert {"train_images", "val/confusion_matrix"} <= set(tags["images"])
    assert "weights/layers.1.weight" in tags["histograms"]
    assert tags["graph"]
    assert (run / "projector_config.pbtxt").is_file()
