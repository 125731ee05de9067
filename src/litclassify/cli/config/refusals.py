"""What classes that a config names refuse."""

import re
from collections.abc import Mapping
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException

from litclassify.cli.config.keys import place_of_class
from litclassify.errors import UserError, reason_of

# With what they refuse their arguments.
REFUSALS = (ValueError, TypeError, RuntimeError, MisconfigurationException)


def refusal_of_class(cls: type, error: Exception, config: Mapping[str, Any]) -> UserError:
    """Say where a config names a class, and why it refuses its arguments.

    Args:
        cls: The class.
        error: One of `REFUSALS`.
        config: Which names it.
    """
    place = place_of_class(cls, config)
    # What a config gives has been checked: this is what a network is given, or a schedule.
    supplied = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    reason = f"{cls.__name__} takes no {supplied[1]}, which it is given here." if supplied else reason_of(error)
    return UserError(f"{place}: {reason}", place)
