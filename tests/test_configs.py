"""Every recipe parses, prints, and trains a little."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
import yaml

from litclassify.cli import main
from litclassify.models import image_classifier
from tests import compiled_passes
from tests.conftest import CONFIGS

RECIPES = sorted(path.name for path in CONFIGS.glob("*.yaml"))
# Two trainings each.
FAST = ("digits.yaml",)
MOSTLY_SLOW = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in RECIPES]
FRAGMENTS = sorted(path.name for path in (CONFIGS / "trainer").glob("*.yaml"))
# A few batches on the CPU, whatever the recipe says.
LITTLE = [
    *["--trainer", str(CONFIGS / "trainer" / "debug.yaml"), "--data.batch_size", "4", "--data.num_workers", "0"],
    *["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"],
]
FOLDER = ["--data.root", "images"]
NARROW_AIRBENCH = ["--model.network.widths", "[4, 8, 8]"]


def idx(name: str, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path = Path("downloads", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def idx_files(folder: str) -> list[str]:
    rng = np.random.default_rng(0)
    for part, size in (("train", 40), ("t10k", 20)):
        idx(f"{folder}/raw/{part}-images-idx3-ubyte", rng.integers(0, 256, (size, 28, 28)))
        idx(f"{folder}/raw/{part}-labels-idx1-ubyte", np.arange(size) % 10)
    return ["--data.root", "downloads", "--data.val_split", "10"]


def cifar_files() -> list[str]:
    rng = np.random.default_rng(0)
    folder = Path("downloads/cifar-10-batches-bin")
    folder.mkdir(parents=True)
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        rows = rng.integers(0, 256, (10, 3073), dtype=np.uint8)
        rows[:, 0] = np.arange(10)
        rows.tofile(folder / name)
    return ["--data.root", "downloads", "--data.val_split", "10"]


def table(separator: str | None = None) -> list[str]:
    """A table of the images of `class_folders`."""
    lines = ["path,label"]
    for path in sorted(Path("images").glob("*/*.png")):
        more = f"{separator}even" if separator and int(path.stem) % 2 == 0 else ""
        lines.append(f"{path},{path.parent.name}{more}")
    Path("images.csv").write_text("\n".join(lines))
    return ["--data.table", "images.csv"]


def resnet18(data: list[str]) -> list[str]:
    torch.save(torchvision.models.resnet18().state_dict(), "resnet18.pth")
    return [*data, "--model.network.weights", "resnet18.pth", "--data.image_size", "64"]


def little_vit() -> list[str]:
    pytest.importorskip("timm")
    words = ["--model.network.name", "test_vit", "--model.network.pretrained", "false"]
    return [*FOLDER, *words, "--model.network.image_size", "32", "--data.image_size", "32"]


# What a recipe needs to run here: its data, made up and small, and no download.
MADE_UP: dict[str, Callable[[], list[str]]] = {
    "cifar10.yaml": cifar_files,
    "cifar10_airbench.yaml": lambda: [*FOLDER, "--data.val_split", "6", *NARROW_AIRBENCH],
    "cifar10_long.yaml": lambda: [*cifar_files(), *NARROW_AIRBENCH, "--model.batch_mixing.off_last_epochs", "0"],
    "cifar10_speedrun.yaml": lambda: [*cifar_files(), *NARROW_AIRBENCH, "--model.compile", "false"],
    "digits.yaml": list,
    "fashion_mnist.yaml": lambda: idx_files("FashionMNIST"),
    "finetune_deit_small.yaml": little_vit,
    "finetune_resnet18.yaml": lambda: resnet18(FOLDER),
    "hymenoptera_resnet9.yaml": lambda: [*FOLDER, "--model.network.width", "4", "--data.image_size", "16"],
    "image_folder.yaml": lambda: FOLDER,
    "image_table.yaml": table,
    "mnist.yaml": lambda: idx_files("MNIST"),
    "multi_label.yaml": lambda: resnet18(table(";")),
}


@pytest.fixture
def words(class_folders: Path) -> Callable[[str], list[str]]:
    """What a recipe needs to run here."""
    return lambda recipe: MADE_UP[recipe]()


def losses(run_name: str) -> list[str]:
    (metrics,) = Path("runs", run_name).glob("*/metrics.csv")
    header, *rows = (line.split(",") for line in metrics.read_text().splitlines())
    return [row[header.index("train_loss_step")] for row in rows if row[header.index("train_loss_step")]]


@pytest.mark.parametrize("recipe", MOSTLY_SLOW)
def test_printed_recipe_gives_bit_identical_losses(
    recipe: str, words: Callable[[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fit", "--config", str(CONFIGS / recipe), *LITTLE, *words(recipe)]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--print_config"])
    assert stop.value.code == 0
    Path("printed.yaml").write_text(capsys.readouterr().out)
    main([*command, "--run_name", "recipe"])
    main(["fit", "--config", "printed.yaml", "--run_name", "printed"])
    assert losses("recipe") == losses("printed")
    assert len(losses("recipe")) == 8


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_checkpoint_of_a_recipe_is_all_that_testing_needs(
    recipe: str, words: Callable[[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fit", "--config", str(CONFIGS / recipe), *LITTLE, *words(recipe), "--data.seed", "1"])
    for checkpoint in Path("runs").glob("*/*/checkpoints/*.ckpt"):
        torch.load(checkpoint, weights_only=True)
    main(["validate", "--ckpt_path", "last", "--trainer.enable_progress_bar", "false"])
    assert "val_acc" in capsys.readouterr().out


@pytest.mark.slow
def test_the_speedrun_is_compiled_for_training_and_for_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = compiled_passes.noted(monkeypatch)
    monkeypatch.setattr(image_classifier, "hasten_small_maps", lambda network: None)  # On a CPU alone, in training.
    words = [*cifar_files(), *NARROW_AIRBENCH, "--data.batch_size", "10", "--trainer.max_epochs", "2"]
    main(["fit", "--config", str(CONFIGS / "cifar10_speedrun.yaml"), *words, "--trainer.accelerator", "cpu"])
    assert len(passes) > 10
    assert len(set(passes)) == 2


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_fragment_changes_the_trainer_of_any_recipe(fragment: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fit", "--config", str(CONFIGS / "digits.yaml"), "--trainer", str(CONFIGS / "trainer" / fragment)]
    with pytest.raises(SystemExit):
        main([*words, "--print_config"])
    printed = yaml.safe_load(capsys.readouterr().out)
    expected = yaml.safe_load((CONFIGS / "trainer" / fragment).read_text())
    assert {key: printed["trainer"][key] for key in expected} == expected
    assert printed["model"]["init_args"]["network"]["class_path"] == "litclassify.networks.ResNet9"


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_states_its_command_and_result(recipe: str) -> None:
    lines = (CONFIGS / recipe).read_text().splitlines()
    assert lines[0].startswith(f"# python main.py fit --config configs/{recipe}")
    assert any(line.startswith("# Result: ") for line in lines)


@pytest.mark.parametrize("recipe", RECIPES)
def test_schedule_of_a_recipe_scales_the_rate_of_its_optimizer_to_the_end(recipe: str) -> None:
    """So `--model.optimizer.lr` has its effect, and what is annealed over the run is not stopped before."""
    config = yaml.safe_load((CONFIGS / recipe).read_text())
    assert config["model"]["init_args"]["lr_scheduler"]["class_path"] in ("WarmupCosine", "WarmupPolynomial")
    assert config["early_stopping"] is None
