"""Arguments from the environment: `LITCLASSIFY_TRAINER__MAX_EPOCHS=3` is `--trainer.max_epochs 3`."""

import os
from collections.abc import Iterable

from lightning.pytorch.utilities import rank_zero_warn

from litclassify.cli.own_variables import ALLOW_IMPORT, DEBUG, OOM_MARK, PREFIX, RUN_DIR
from litclassify.suggestions import nearest


def flags_from_environment(accepted: Iterable[str], known: Iterable[str]) -> list[str]:
    """Give the variables that set arguments as flags; warn of one that matches no argument of any subcommand.

    Args:
        accepted: Names of the arguments and groups that the subcommand takes, such as `trainer`.
        known: Those that any subcommand takes.
    """
    accepted, known = set(accepted), set(known)
    flags = []
    for variable in variables_for_arguments():
        key = key_of(variable)
        name = key.split(".", 1)[0]
        if name in accepted:
            flags.append(f"--{key}={os.environ[variable]}")
        elif name not in known:
            rank_zero_warn(f"The environment variable {variable} matches no argument.{nearest(name, known)}")
    return flags


def variables_for_arguments() -> list[str]:
    """Give the names of the variables that are there and mean arguments."""
    return [
        name
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in (ALLOW_IMPORT, DEBUG, OOM_MARK, RUN_DIR)
    ]


def key_of(variable: str) -> str:
    """Give the key that a variable sets; words in capitals are taken as lower case, others as they are."""
    parts = variable.removeprefix(PREFIX).split("__")
    return ".".join(part.lower() if part.isupper() else part for part in parts)


def variable_of(key: str) -> str | None:
    """Give the variable that sets a key, or a key below it; None if there is none."""
    keys = {variable: key_of(variable) for variable in variables_for_arguments()}
    return next((variable for variable, set_key in keys.items() if f"{set_key}.".startswith(f"{key}.")), None)
