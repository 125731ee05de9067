"""Presets of transforms, and images that come several times."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.conftest import SMALL

from litclassify.cli import main
from litclassify.data import ImageFolder
from litclassify.files.safe_loading import load_safely

Fit = Callable[..., Path]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict]:
    with pytest.raises(SystemExit):
        main(["fit", *SMALL, *words, "--print_config"])
    return yaml.safe_load(capsys.readouterr().out)["data"]["init_args"]["train_transform"]


def class_paths(transforms: list[dict]) -> list[str]:
    return [transform["class_path"].removeprefix("torchvision.transforms.v2.") for transform in transforms]


def test_a_preset_is_printed_as_its_list(capsys: pytest.CaptureFixture[str]) -> None:
    crop, augment = printed(capsys, "--data.train_transform", "rand_augment", "--data.image_size", "16")
    assert crop["init_args"] == {
        "size": [16, 16],
        "padding": 2,
        "pad_if_needed": False,
        "fill": 0,
        "padding_mode": "constant",
    }
    assert augment["class_path"] == "torchvision.transforms.v2.RandAugment"
    assert augment["init_args"]["num_ops"] == 2


def test_transforms_are_appended_to_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data.train_transform", "flip_crop", "--data.train_transform+=RandomErasing"]
    transforms = printed(capsys, *words, "--data.train_transform.p=0.9")
    assert class_paths(transforms) == ["RandomCrop", "RandomErasing"]
    assert transforms[1]["init_args"]["p"] == 0.9


def test_a_preset_goes_by_a_size_that_is_a_reference(capsys: pytest.CaptureFixture[str]) -> None:
    Path("size.yaml").write_text("data: {init_args: {image_size: '${seed_everything}', train_transform: flip_crop}}")
    (crop,) = printed(capsys, "--config", "size.yaml", "--seed_everything", "24")
    assert crop["init_args"]["size"] == [24, 24]


@pytest.mark.slow
def test_runs_and_checkpoints_hold_the_list(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    Path("preset.yaml").write_text("data: {init_args: {train_transform: rand_augment_erasing}}")
    run = fit("--config", "preset.yaml", "--trainer.max_epochs", "1")
    saved = yaml.safe_load((run / "config.fit.yaml").read_text())["data"]["init_args"]["train_transform"]
    stored = load_safely(run / "checkpoints" / "last.ckpt", "")["datamodule_hyper_parameters"]["train_transform"]
    assert class_paths(saved) == class_paths(stored) == ["RandomCrop", "RandAugment", "RandomErasing"]
    main(["test", "--ckpt_path", str(run)])
    assert "test_acc" in capsys.readouterr().out


@pytest.mark.parametrize(("preset", "image_size"), [("trivial_augment_erasing", 96), ("none", (80, 320))])
def test_the_printed_list_gives_the_images_of_the_preset(
    preset: str, image_size: int | tuple[int, int], class_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = str(image_size).replace("(", "[").replace(")", "]")
    for words in (["--data.train_transform", preset], ["--config", "printed.yaml"]):
        data = ["--data", "ImageFolder", "--data.root", str(class_folders), "--data.image_size", size]
        with pytest.raises(SystemExit):
            main(["fit", *SMALL, *data, *words, "--print_config"])
        text = capsys.readouterr().out
        Path("printed.yaml").write_text(text)
        transforms = yaml.safe_load(text)["data"]["init_args"]["train_transform"]
        expected = ImageFolder("", image_size=image_size, train_transform=preset).transform_list("train")
        names = [path.rpartition(".")[2] for path in class_paths(transforms)]
        assert names == [type(transform).__name__ for transform in expected]


def test_a_run_that_goes_on_at_another_size_is_warned_of_the_list_of_a_preset(fit: Fit) -> None:
    words = ["--model.network", "LeNet", "--trainer.max_epochs", "1"]
    run = fit("--data.train_transform", "flip_crop", "--data.image_size", "16", *words)
    with pytest.warns(UserWarning, match="gives 16x16 images, but data.image_size is 20x20 and validation sees 20x20"):
        main(["fit", "--config", str(run / "config.fit.yaml"), "--data.image_size", "20"])


def test_images_come_repeatedly_and_a_run_is_reproduced(fit: Fit) -> None:
    words = ["--data.train_transform", "rand_augment", "--data.augmentation_repeats", "3"]
    curves = [(fit(*words) / "metrics.csv").read_text() for _ in range(2)]
    assert curves[0] == curves[1]


def test_repeats_of_images_that_stay_alike_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fit", *SMALL, "--data.augmentation_repeats", "3"])
    assert end.value.code == 2
    assert "data.augmentation_repeats=3 shows images that are all alike" in capsys.readouterr().err
