"""Names of files and classes on a terminal, which obeys some characters instead of showing them."""


def printable(text: str, keep: str = "") -> str:
    """Spell out what a terminal does not show as it is: escape sequences, line ends, changes of the writing direction.

    Args:
        text: May hold names from anybody's data.
        keep: Characters that stay, such as line ends between sentences of our own.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else character.encode("unicode_escape").decode()
        for character in text
    )
