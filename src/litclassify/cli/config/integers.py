"""Integers that are larger than libraries take."""

from collections.abc import Mapping
from typing import Any

from litclassify.cli.config.keys import as_typed
from litclassify.errors import UserError

MAX_BITS = 63


def check_integers(value: Any, key: str = "") -> None:
    """Refuse an integer that does not fit into 64 bits with its sign: it would overflow somewhere in a library.

    Args:
        value: A config, or what stands at a key of it.
        key: That key.

    Raises:
        UserError: There is one.
    """
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise UserError(f"{as_typed(key)} must be under 2^{MAX_BITS}, got an integer of {value.bit_length()} bits.")
    if isinstance(value, Mapping):
        for name, item in value.items():
            check_integers(item, f"{key}.{name}" if key else str(name))
    if isinstance(value, list | tuple):
        for item in value:
            check_integers(item, key)
