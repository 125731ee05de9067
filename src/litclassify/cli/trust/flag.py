"""`--allow_import`, with which a user opens a package of their own."""

import os
from collections.abc import Mapping, Sequence

from litclassify.cli.own_variables import ALLOW_IMPORT
from litclassify.errors import UserError
from litclassify.suggestions import nearest

FLAG = "--allow_import"
HELP = (
    f"A config names classes of torch, torchvision, torchmetrics, lightning and litclassify. {FLAG} PACKAGE "
    f"(repeatable), or {ALLOW_IMPORT} in the environment, opens a package or module of your own: see SECURITY.md."
)


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give the packages of every `--allow_import`, and the other words.

    Raises:
        UserError: A `--allow_import` has no value, or is misspelt: of all that it does not open would be said first.
    """
    packages, rest = [], []
    following = iter(words)
    for word in following:
        if word == FLAG:
            packages.append(_value(next(following, "")))
        elif word.startswith(f"{FLAG}="):
            packages.append(_value(word.removeprefix(f"{FLAG}=")))
        else:
            _check_spelling(word.partition("=")[0])
            rest.append(word)
    return packages, rest


def opening_words(words: Sequence[str]) -> list[str]:
    """Give the `--allow_import` words that open what a command line and the environment open, for another command."""
    opened = dict.fromkeys((*packages_in(os.environ), *split_words(words)[0]))
    return [word for package in opened for word in (FLAG, package)]


def packages_in(environment: Mapping[str, str]) -> list[str]:
    """Give the packages of `LITCLASSIFY_ALLOW_IMPORT=first,second`."""
    return [name.strip() for name in environment.get(ALLOW_IMPORT, "").split(",") if name.strip()]


def _check_spelling(flag: str) -> None:
    meant = nearest(flag, [FLAG]) if flag.startswith("--") else ""
    if meant:
        raise UserError(f"There is no argument '{flag}'.{meant}")


def _value(text: str) -> str:
    if not text or text.startswith("-"):
        raise UserError(f"{FLAG} needs a value: the package or module to open, such as {FLAG} my_package.")
    return text
