"""Names to choose from, in messages."""

import difflib
from collections.abc import Iterable, Sequence

MAX_NAMES = 20


def nearest(name: str, known: Iterable[str]) -> str:
    """Give ` Did you mean 'batch_size'?` with the nearest of the known names; empty if none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean '{by_lower[found[0]]}'?" if found else ""


def some_of(names: Sequence[str]) -> str:
    """List names, the first twenty if there are more."""
    return ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
