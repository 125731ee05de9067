"""What a refusal of the command line looks like, whatever was wrong."""

import re

MAX_LINES = 10
MAX_CHARACTERS = 4000
# Python's words for its own mistakes, and torch's for the place in its code, which help nobody to mend a config.
INNER_WORDS = re.compile(
    r"object has no attribute|is not iterable|unhashable type|not subscriptable|Traceback|NoneType' object|"
    r"unsupported operand|not supported between|unexpected keyword|frame #0|object at 0x"
)


def faults_of(printed: str) -> list[str]:
    """Say what is wrong with a message on standard error: nothing, if it is a few lines that speak of the config."""
    if "error: " not in printed:
        return ["there is no message"]
    message = printed[printed.index("error: ") :].removesuffix("\n")
    found = {
        "too many lines": len(message.splitlines()) > MAX_LINES,
        "too long": len(message) > MAX_CHARACTERS,
        "a character that a terminal obeys": not message.replace("\n", "").isprintable(),
        "words of Python or torch": INNER_WORDS.search(message) is not None,
    }
    return [fault for fault, is_there in found.items() if is_there]
