"""Names that a config can use at present, to suggest from."""

import sys
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.loggers import Logger
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchvision.transforms import v2

from litclassify.cli.published import PUBLISHED

# Arguments that the model or the data supply: nobody writes them.
SUPPLIED = (*PUBLISHED, "num_classes", "params")
# What a config names classes of.
BASES = (LightningModule, LightningDataModule, nn.Module, Optimizer, LRScheduler, Callback, Logger, v2.Transform)


def argument_names(class_path: str) -> list[str]:
    """Give the arguments of a class that a person sets; none for a class that is not imported."""
    return [name for name in all_argument_names(class_path) if name not in SUPPLIED]


def all_argument_names(class_path: str) -> list[str]:
    """Give the arguments of a class, also those that nobody writes; none for a class that is not imported."""
    return list(argument_defaults(class_path))


def argument_defaults(class_path: str) -> dict[str, Any]:
    """Give the arguments of a class with their defaults, as YAML has them; none for a class that is not imported."""
    module, _, name = class_path.rpartition(".")
    cls = getattr(sys.modules.get(module), name, None)
    if not isinstance(cls, type):
        return {}
    parser = ArgumentParser(exit_on_error=False)
    names = parser.add_class_arguments(cls, fail_untyped=False)
    return {name: _as_yaml(parser.get_default(name)) for name in names}


def _as_yaml(value: Any) -> Any:
    if isinstance(value, Namespace):
        return value.as_dict()
    return list(value) if isinstance(value, tuple) else value


def class_names() -> set[str]:
    """Give the short names of every class that a config can name."""
    return {cls.__name__ for base in BASES for cls in _subclasses(base) if not cls.__name__.startswith("_")}


def _subclasses(base: type) -> set[type]:
    direct: set[type] = set(base.__subclasses__())
    return direct.union(*(_subclasses(cls) for cls in direct))
