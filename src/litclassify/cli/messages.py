"""From an exception to the few lines that a person reads."""

import difflib
import os
import re
import sys
from collections.abc import Iterable
from typing import NoReturn

from jsonargparse import ArgumentParser
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.loggers import Logger
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchvision.transforms import v2

from litclassify.cli.checkpoints import PUBLISHED
from litclassify.errors import UserError

DEBUG_VARIABLE = "LITCLASSIFY_DEBUG"
MAX_LINES = 10
MAX_NAMES = 20
# Arguments that the model or the data supply: nobody writes them.
SUPPLIED = (*PUBLISHED, "num_classes", "params")

KEY = re.compile(r'Parser key "([^"]+)":')
UNKNOWN_OPTION = re.compile(r"Option '([^']+)' is not accepted")
UNKNOWN_CLASS = re.compile(r"Expected a dot import path string: (\S+)")
CLASS_PATH = re.compile(r"(?:Problem with given class_path '|class_path=')([\w.]+)'")
REQUIRED = re.compile(r"the following arguments are required: ([\w., ]+)")
WRONG_TYPE = re.compile(r"(Expected an? .+?\. Got value: .+)")
GIVEN_NESTED = re.compile(r"NestedArg\(key='([^']+)'")


def exit_with_message(error: Exception) -> NoReturn:
    """Print a user's mistake and end with exit code 2; with LITCLASSIFY_DEBUG=1 raise it with its traceback."""
    if os.environ.get(DEBUG_VARIABLE) == "1":
        raise error
    lines = str(error).strip().splitlines()[:MAX_LINES]
    print("error: " + "\n  ".join(lines), file=sys.stderr)  # noqa: T201
    raise SystemExit(2) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """Give ` Did you mean 'batch_size'?` with the nearest of the known names; empty if none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean '{by_lower[found[0]]}'?" if found else ""


def parsing_message(message: str) -> str:
    """Put the cause of a jsonargparse error first: the key as typed, what was given, what is allowed.

    jsonargparse reports a mistake in a nested class from the outside in, as a tree of every type that was tried. The
    innermost cause is what the user needs.
    """
    key = ".".join(KEY.findall(message))
    classes = CLASS_PATH.findall(message)
    if match := UNKNOWN_OPTION.search(message):
        option = match[1]
        allowed = _arguments(classes[-1]) if classes else []
        leaf = option.rsplit(".", 1)[-1]
        owner = f" of {classes[-1].rsplit('.', 1)[-1]}" if classes else ""
        return f"{key}: there is no argument '{leaf}'{owner}.{nearest(leaf, allowed)}" + _list(allowed)
    if match := REQUIRED.search(message):
        missing = [f"{key}.{name.strip()}" if key else name.strip() for name in match[1].split(",")]
        return f"Missing: {', '.join(missing)}. Set {'them' if len(missing) > 1 else 'it'} in a --config or as flags."
    if match := UNKNOWN_CLASS.search(message):
        return f"{key}: there is no class or import path '{match[1]}'.{nearest(match[1], _known_class_names())}"
    if match := WRONG_TYPE.search(message):
        return f"{key}: {match[1]}"
    if message.startswith("unrecognized arguments:"):
        return f"There is no argument {message.split(':', 1)[1].strip()}. See --help."
    return message


def instantiation_message(error: Exception) -> str:
    """Give what a configured class says of its arguments.

    jsonargparse wraps the exception of a nested class in its tree of all types tried; the class's own stands among
    the causes.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            # One raised in a worker process carries that process's traceback before its own text.
            return str(cause).rpartition("UserError: ")[2]
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _arguments(class_path: str) -> list[str]:
    """Give the names of a class's arguments as the parser sees them, without those that the model supplies."""
    parser = ArgumentParser(exit_on_error=False)
    module, _, name = class_path.rpartition(".")
    names = parser.add_class_arguments(getattr(sys.modules[module], name), fail_untyped=False)
    return [name for name in names if name not in SUPPLIED]


def _list(names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:MAX_NAMES])
    return f"\nIt takes: {shown}{', …' if len(names) > MAX_NAMES else ''}"


def _known_class_names() -> set[str]:
    """Give the short names of every class that a config can name at present."""
    bases = (
        LightningModule,
        LightningDataModule,
        nn.Module,
        Optimizer,
        LRScheduler,
        Callback,
        Logger,
        v2.Transform,
    )
    return {cls.__name__ for base in bases for cls in _subclasses(base) if not cls.__name__.startswith("_")}


def _subclasses(base: type) -> set[type]:
    direct: set[type] = set(base.__subclasses__())
    return direct.union(*(_subclasses(cls) for cls in direct))
