"""Complete configs of tiny trainings with a wrong value or two in them, each a pure function of its seed."""

import random
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from copy import deepcopy
from functools import cache
from io import StringIO
from typing import Any

import pytest
import yaml

from litclassify.cli import main

TINY = [
    *["--data", "Digits", "--data.batch_size", "16", "--trainer.accelerator", "cpu"],
    *["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "2", "--trainer.limit_val_batches", "2"],
    *["--trainer.limit_test_batches", "2", "--trainer.enable_progress_bar", "false"],
    *["--trainer.enable_model_summary", "false", "--data.num_workers", "0"],
]
MLP = ["--model.network", "MLP", "--model.network.in_features", "64", "--model.network.hidden_features", "[8]"]
LENET = ["--model.network", "LeNet", "--model.network.width", "2", "--data.image_size", "12"]
ADAMW = ["--model.optimizer", "AdamW", "--model.optimizer.lr", "0.01"]
SGD = ["--model.optimizer", "SGD", "--model.optimizer.lr", "0.1", "--model.optimizer.momentum", "0.9"]
# Parts that are not in a config by default, by the key at which they stand.
PARTS: tuple[list[str], ...] = (
    [],
    ["--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.1"],
    ["--model.lr_scheduler", "WarmupCosine"],
    ["--model.lr_scheduler", "WarmupMultiStep", "--model.lr_scheduler.milestones", "[0.5]"],
    ["--model.lr_scheduler", "StepLR", "--model.lr_scheduler.step_size", "1"],
    ["--model.lr_scheduler", "CosineAnnealingLR", "--model.lr_scheduler.T_max", "2"],
    ["--model.batch_mixing", "MixUp"],
    ["--model.batch_mixing", "CutMix"],
    ["--model.parameter_groups", "ParameterGroups", "--model.parameter_groups.layer_decay", "0.5"],
    ["--model.criterion", "FocalLoss"],
    ["--model.criterion", "BinaryCrossEntropy"],
    ["--model.rejection", "ConfidenceThreshold", "--model.rejection.threshold", "0.5"],
    ["--model.class_weights", "EffectiveNumber"],
    ["--model.test_time_augmentation", "Shifts"],
    ["--data.train_transform", "flip_crop_erasing"],
    ["--trainer.callbacks+", "EMA"],
    ["--trainer.callbacks+", "SWA"],
    ["--trainer.callbacks+", "BackboneFreezing"],
    ["--trainer.callbacks+", "ProgressiveResizing", "--trainer.callbacks.epochs", "1"],
    ["--trainer.callbacks+", "LossGuard"],
    ["--trainer.callbacks+", "WeightHistograms"],
    ["--trainer.callbacks+", "SampleImages"],
    ["--trainer.callbacks+", "ValidationReport"],
    ["--trainer.callbacks+", "ValidationMetrics"],
    ["--trainer.callbacks+", "EmbeddingProjector"],
    ["--trainer.callbacks+", "LearningRateMonitor"],
    ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "logs"],
    ["--trainer.profiler", "SimpleProfiler"],
    ["--test_after_fit", "true"],
    ["--find_lr", "true"],
)
# These start processes, on this machine or another, or a compiler for minutes; or go by how fast the machine is.
LEFT_ALONE = ("devices", "num_nodes", "strategy", "num_workers", "compile", "repeat", "folds", "halve_batch_on_oom")
LEFT_ALONE += ("find_batch_size",)
NUMBERS = (0, 1, -1, 2, 3, 17, 2**31, 2**63, -(2**64), 10**400)
FRACTIONS = (0.0, -0.0, 0.5, -0.5, 1.0, 1.5, 1e-320, 1e308, -1e308, float("inf"), float("-inf"), float("nan"))
TEXTS = (
    *(
        "",
        " ",
        "x",
        "auto",
        "null",
        "none",
        "1",
        "-1",
        "0.5",
        "a/b",
        "..",
        ".",
        "é" * 300,
        "%s",
        "{x}",
        "{epoch",
        "mean",
    ),
    *(
        "sum",
        "max",
        "min",
        "val_acc",
        "val_loss",
        "train_loss",
        "norm",
        "value",
        "step",
        "epoch",
        "16-true",
        "bf16-mixed",
    ),
    *("simple", "advanced", "00:00:00:00", "12:30", "\x1b[2J", "[1, 2", "batch_size", "stop", "skip", "roll_back"),
)
CLASSES = (
    *("MLP", "LeNet", "ResNet9", "Airbench", "AdamW", "SGD", "Muon", "Adagrad", "LBFGS", "Rprop", "SparseAdam"),
    *("CrossEntropyLoss", "FocalLoss", "BinaryCrossEntropy", "MSELoss", "NLLLoss", "TripletMarginLoss", "CTCLoss"),
    *("OneCycleLR", "WarmupCosine", "StepLR", "CyclicLR", "LambdaLR", "ReduceLROnPlateau", "ChainedScheduler"),
    *("Digits", "MixUp", "CutMix", "EMA", "SWA", "EarlyStopping", "ModelCheckpoint", "Timer", "LearningRateFinder"),
    *("GradientAccumulationScheduler", "StochasticWeightAveraging", "ModelPruning", "BatchSizeFinder", "LossGuard"),
    *("MultiLabelClassifier", "ImageClassifier", "DistilledClassifier", "torch.nn.Linear", "torch.nn.Identity"),
    *("torchvision.models.squeezenet1_1", "TensorBoardLogger", "CSVLogger", "torch.nn.ReLU", "RandomErasing"),
)


def mutated_training(seed: int) -> tuple[dict[str, Any], list[str]]:
    """Give the config of a training with one or two wrong values, and what was changed.

    Args:
        seed: Of all that is drawn.
    """
    rng = random.Random(seed)
    words = [*TINY, *rng.choice((MLP, MLP, LENET)), *rng.choice((ADAMW, SGD)), *rng.choice(PARTS)]
    config = deepcopy(complete_config(tuple(words)))
    changes = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        places = [*_places(config)]
        set_ones = [found for found in places if isinstance(found[0][found[1]], bool | int | float | str)]
        node, place, key = rng.choice(set_ones if rng.random() < 0.6 else places)
        value = _value(rng, node[place])
        changes.append(f"{key}: {node[place]!r:.60} -> {value!r:.60}")
        node[place] = value
    return config, [*words, *changes]


@cache
def complete_config(words: tuple[str, ...]) -> dict[str, Any]:
    """Give the config of a command line with all its defaults."""
    printed = StringIO()
    with redirect_stdout(printed), pytest.raises(SystemExit, match="^0$"):
        main(["fit", *words, "--print_config"])
    config: dict[str, Any] = yaml.safe_load(printed.getvalue())
    return config


def _places(node: Any, key: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Give each mapping or list with each of its keys or positions, at all depths, and the key as typed."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for place, value in list(items):
        if place not in LEFT_ALONE:
            yield node, place, f"{key}.{place}"
            yield from _places(value, f"{key}.{place}")


def _value(rng: random.Random, before: Any) -> Any:
    return rng.choice(CHANGES)(rng, before)


def _near(rng: random.Random, before: Any) -> Any:
    """Give a value of the same type, which is more likely to parse."""
    if isinstance(before, bool):
        return not before
    if isinstance(before, int):
        return rng.choice((*NUMBERS, -before, before * 1000))
    if isinstance(before, float):
        return rng.choice((*FRACTIONS, -before, before * 1000))
    if isinstance(before, list):
        return rng.choice(([], before * 2, before[:1], [_near(rng, value) for value in before]))
    if isinstance(before, dict) and "class_path" in before:
        return {"class_path": rng.choice(CLASSES)}
    return rng.choice(rng.choice((TEXTS, CLASSES, NUMBERS, FRACTIONS)))


def _other(rng: random.Random, before: Any) -> Any:
    return rng.choice(
        (*TEXTS, *CLASSES, *NUMBERS, *FRACTIONS, None, True, False, [], {}, [before], [[]], {"a": before})
    )


CHANGES: tuple[Callable[[random.Random, Any], Any], ...] = (
    *(_near, _near, _near, _near, _near, _near, _other),
    lambda rng, before: {"class_path": rng.choice(CLASSES)},
    lambda rng, before: None,
    lambda rng, before: [_near(rng, 1) for _ in range(rng.randint(1, 3))],
)
