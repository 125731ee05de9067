"""Warnings of images on which a model may have been trained, by what its checkpoint knows."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import every

from litclassify.cli import main
from litclassify.data.splitting.held_out import digest

Fit = Callable[..., Path]


@pytest.fixture
def run(fit: Fit, class_folders: Path) -> Path:
    words = ["--data", "ImageFolder", "--data.root", str(class_folders), "--data.image_size", "16"]
    return fit(*words, "--model.network.in_features", "768", "--trainer.max_epochs", "1")


def add_images(folder: Path) -> None:
    for i in range(6):
        shutil.copy(folder / "dark" / "00.png", folder / "dark" / f"more{i}.png")


def test_the_same_images_are_not_warned_of(run: Path, class_folders: Path, tmp_path: Path) -> None:
    shutil.move(class_folders, tmp_path / "elsewhere")
    Path("exclude.txt").write_text("dark/05.png")
    here = ["--ckpt_path", str(run), "--data.root", str(tmp_path / "elsewhere")]
    main(["test", *here])
    main(["validate", *here, "--data.exclude", "exclude.txt"])
    main(["test", *here, "--data.val_split", "0.3"])


@pytest.mark.parametrize("command", every(3, ["test", "validate", "predict"]))
def test_images_that_have_come_are_warned_of(command: str, run: Path, class_folders: Path) -> None:
    add_images(class_folders)
    split = "val" if command == "validate" else "test"
    with pytest.warns(UserWarning, match=rf"^The {split} images are not those that were held out .*data\.seed"):
        main([command, "--ckpt_path", str(run)])


@pytest.mark.parametrize("words", every(2, [["--data.seed", "1"], ["--data.test_split", "0.5"]]))
def test_another_draw_is_warned_of(words: list[str], run: Path) -> None:
    with pytest.warns(UserWarning, match="The test images are not those that were held out"):
        main(["test", "--ckpt_path", str(run), *words])


def test_images_without_names_are_known_by_their_positions(fit: Fit) -> None:
    run = str(fit("--trainer.max_epochs", "1"))
    main(["validate", "--ckpt_path", run])
    with pytest.warns(UserWarning, match="The val images are not those that were held out"):
        main(["validate", "--ckpt_path", run, "--data.seed", "1"])


def test_files_of_their_own_are_predicted_without_a_word(run: Path, class_folders: Path) -> None:
    add_images(class_folders)
    main(["predict", "--ckpt_path", str(run), "--data.path", str(class_folders / "dark")])


def test_a_digest_goes_by_names_in_any_order() -> None:
    assert digest(["a", "b"]) == digest(["b", "a"])
    assert len({digest(names) for names in ([], ["a"], ["a", "b"], ["ab"])}) == 4
