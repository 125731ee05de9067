"""The classes that a config can name, and their arguments.

jsonargparse has no public way to ask for either, nor to import and to convert as it does; pinning `jsonargparse<4.54`
keeps the private names in place.
"""

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from jsonargparse import ArgumentParser, Namespace, _common
from jsonargparse._typehints import ActionTypeHint, get_all_subclass_paths
from jsonargparse._util import import_object
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.loggers import Logger
from torch import nn
from torch.nn.modules.loss import _Loss
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchvision.transforms import v2

from litclassify.batch_mixing import BatchMixing
from litclassify.class_weights import ClassWeights
from litclassify.cli.config.published import PUBLISHED
from litclassify.models.teacher import Teacher
from litclassify.networks.factory import Network
from litclassify.optim import ParameterGroups
from litclassify.rejection import Rejection
from litclassify.test_time_augmentation import TestTimeAugmentation

# Arguments that the model or the data supply: nobody writes them.
SUPPLIED = (*PUBLISHED, "num_classes", "params")
# What a config names classes of; modules of any kind come last.
BASES = (
    LightningModule,
    LightningDataModule,
    Network,
    Optimizer,
    LRScheduler,
    BatchMixing,
    ClassWeights,
    TestTimeAugmentation,
    Rejection,
    ParameterGroups,
    Teacher,
    Callback,
    Logger,
    v2.Transform,
    nn.Module,
)
Skip = frozenset[str | int]

# The few of several hundred modules of torch and torchvision that a config names where a module is wanted.
LOSSES = (_Loss, nn.AdaptiveLogSoftmaxWithLoss)
OWN_LOSSES = "litclassify.losses."


def argument_names(class_path: str) -> list[str]:
    """Give the arguments of a class that a person sets; none for a class that is not imported."""
    return [name for name in all_argument_names(class_path) if name not in SUPPLIED]


def all_argument_names(class_path: str) -> list[str]:
    """Give the arguments of a class, also those that nobody writes; none for a class that is not imported."""
    return list(argument_defaults(class_path))


def argument_defaults(class_path: str) -> dict[str, Any]:
    """Give the arguments of a class with their defaults, as YAML has them; none for a class that is not imported."""
    cls = imported_class(class_path)
    if cls is None:
        return {}
    parser = ArgumentParser(exit_on_error=False)
    names = parser.add_class_arguments(cls, fail_untyped=False)
    return {name: as_yaml(parser.get_default(name)) for name in names}


def imported_class(class_path: str) -> type | None:
    """Give a class; None if it is not imported, or is none."""
    module, _, name = class_path.rpartition(".")
    cls = getattr(sys.modules.get(module), name, None)
    return cls if isinstance(cls, type) else None


def import_named(path: str) -> Any:
    """Give the class or function that a config names, under the rules for what it may name."""
    return import_object(path)


def apply_types(parser: ArgumentParser, config: Namespace) -> Namespace:
    """Give a config with values as the types of their arguments have them, after some were put in by hand."""
    applied: Namespace = parser._apply_actions(config)
    return applied


def as_yaml(value: Any) -> Any:
    """Give a value of jsonargparse's as YAML has it."""
    if isinstance(value, Namespace):
        return value.as_dict()
    return list(value) if isinstance(value, tuple) else value


def kind_of(name: str) -> str | None:
    """Say of which kind the class with a short name is: the name of its base; None if there is no such class."""
    kinds = (base.__name__ for base in BASES if any(cls.__name__ == name for cls in _subclasses(base)))
    return next(kinds, None)


def class_names() -> set[str]:
    """Give the short names of every class that a config can name."""
    found = set[type]().union(*(_subclasses(base) or {base} for base in BASES))
    return {cls.__name__ for cls in found if not cls.__name__.startswith("_")}


def _subclasses(base: type) -> set[type]:
    direct: set[type] = set(base.__subclasses__())
    return direct.union(*(_subclasses(cls) for cls in direct))


def subclasses(base: type) -> dict[str, type]:
    """Give the classes that a config can name where `base` is wanted, by import path; of modules, the losses."""
    imported = {path: _imported(path) for path in get_all_subclass_paths(base) if _may_be_named(path)}
    found = {path: cls for path, cls in imported.items() if cls is not None and not inspect.isabstract(cls)}
    if base is nn.Module:
        return {path: cls for path, cls in found.items() if issubclass(cls, LOSSES) or path.startswith(OWN_LOSSES)}
    # These are neither abstract nor of use by themselves.
    return {path: cls for path, cls in found.items() if cls not in BASES}


def _imported(path: str) -> type | None:
    """Give a class; None for one that a program has made while it ran, which has no place to be imported from."""
    try:
        cls: type = import_object(path)
    except AttributeError:
        return None
    return cls


def arguments(cls: type, skip: Skip) -> Iterator[ActionTypeHint]:
    """Give the arguments of a class as jsonargparse resolves them, through `**kwargs` and docstrings.

    Args:
        cls: The class.
        skip: Names, or a number of positional arguments, that the application supplies.

    Raises:
        ValueError: The signature has what jsonargparse cannot parse.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, fail_untyped=False, skip=set(skip))
    yield from arguments_of(parser)


def arguments_of(parser: ArgumentParser) -> Iterator[ActionTypeHint]:
    """Give the arguments of a parser that hold a value."""
    yield from (action for action in parser._actions if isinstance(action, ActionTypeHint))


def spellings(path: str, cls: type) -> list[str]:
    """Give the ways to write a class in a config: short name, import path, path of its definition."""
    return list(dict.fromkeys((cls.__name__, path, f"{cls.__module__}.{cls.__qualname__}")))


def _may_be_named(path: str) -> bool:
    private = any(part.startswith("_") for part in path.split("."))
    return not private and _common.denying_import_path_entry(path) is None
