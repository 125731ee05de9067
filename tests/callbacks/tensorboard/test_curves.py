"""What TensorBoard gets to see of a run."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG as CONFIG_TAG
from tensorboard.plugins.hparams import plugin_data_pb2
from tests.conftest import SMALL

from litclassify.callbacks.tensorboard.sample_images import image_grid
from litclassify.cli import main
from litclassify.cli.trainer.loggers import loggers_for

Fit = Callable[..., Path]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> EventAccumulator:
    runs = tmp_path_factory.mktemp("runs")
    main(["fit", *SMALL, "--test_after_fit", "true", "--runs_dir", str(runs)])
    (run,) = runs.glob("*/*")
    accumulator = EventAccumulator(str(run), size_guidance={"images": 0})
    accumulator.Reload()
    return accumulator


def test_curves_of_training_validation_and_test(events: EventAccumulator) -> None:
    expected = {"train_loss", "train_acc", "train_loss_step", "val_loss", "val_acc", "test_acc", "best_val_acc"}
    assert expected <= set(events.Tags()["scalars"])
    assert any(tag.startswith("lr-") for tag in events.Tags()["scalars"])
    assert "hp_metric" not in events.Tags()["scalars"]
    assert len(events.Scalars("val_acc")) == 2


def test_best_value_is_that_of_the_curve(events: EventAccumulator) -> None:
    (best,) = events.Scalars("best_val_acc")
    assert best.value == max(point.value for point in events.Scalars("val_acc"))


def test_hyperparameters_come_with_the_metrics_to_fill_in(events: EventAccumulator) -> None:
    contents = events.summary_metadata
    experiment = plugin_data_pb2.HParamsPluginData.FromString(
        contents["_hparams_/experiment"].plugin_data.content
    ).experiment
    session = plugin_data_pb2.HParamsPluginData.FromString(
        contents["_hparams_/session_start_info"].plugin_data.content
    ).session_start_info
    assert {info.name.tag for info in experiment.metric_infos} >= {"val_acc", "test_acc", "best_val_acc"}
    assert session.hparams["model.network"].string_value == "MLP"
    assert session.hparams["model.optimizer.lr"].number_value == pytest.approx(0.01)
    assert session.hparams["data.batch_size"].number_value == 256


def test_a_chart_shows_training_and_validation_together(events: EventAccumulator) -> None:
    content = events.Tensors(CONFIG_TAG)[0].tensor_proto.string_val[0]
    (category,) = layout_pb2.Layout.FromString(content).category
    assert len(category.chart) == 2
    for chart in category.chart:
        found = [tag for tag in events.Tags()["scalars"] if any(re.match(name, tag) for name in chart.multiline.tag)]
        assert len(found) == 2
        assert len({tag.split("_")[1] for tag in found}) == 1


def test_configuration_stands_in_its_own_order(events: EventAccumulator) -> None:
    (config,) = events.Tensors("config/text_summary")
    text = config.tensor_proto.string_val[0].decode()
    keys = [line.split(":")[0].strip() for line in text.splitlines() if re.match(r"    \w+:", line)]
    saved = Path(events.path, "config.fit.yaml")
    assert keys == list(yaml.safe_load(saved.read_text()))
    assert keys != sorted(keys)


@pytest.mark.slow
def test_no_empty_table_of_hyperparameters_lies_in_the_run(fit: Fit) -> None:
    run = fit("--test_after_fit", "true")
    main(["test", "--ckpt_path", str(run), "--trainer.enable_progress_bar", "false"])
    assert not (run / "hparams.yaml").exists()


def test_hyperparameters_that_a_model_logs_are_kept(tmp_path: Path) -> None:
    logger = loggers_for("test", tmp_path, None)
    logger.log_hyperparams({"temperature": 2})
    logger.save()
    assert yaml.safe_load((tmp_path / "hparams.yaml").read_text()) == {"temperature": 2}


def test_first_batch_is_shown(events: EventAccumulator) -> None:
    (image,) = events.Images("train_images")
    assert (image.width, image.height) >= (8 * 64, 4 * 64)


def test_grid_shows_the_pixels_as_they_are() -> None:
    pixels = torch.arange(3 * 70 * 70).remainder(256).view(1, 3, 70, 70).byte()
    assert torch.equal(image_grid(pixels), pixels[0])
    assert torch.equal(image_grid(pixels / 255), pixels[0])


def test_images_of_many_channels_are_shown_by_the_first() -> None:
    pixels = torch.randint(256, (3, 5, 70, 70), dtype=torch.uint8)
    assert torch.equal(image_grid(pixels), image_grid(pixels[:, :1]))


def test_small_images_are_enlarged_without_blur() -> None:
    grid = image_grid(torch.tensor([[[[0, 255], [255, 0]]]], dtype=torch.uint8))
    assert min(grid.shape[-2:]) >= 64
    assert set(grid.unique().tolist()) <= {0, 255}
