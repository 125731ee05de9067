"""The one exception type for mistakes that a user can mend."""


class UserError(ValueError):
    """A mistake in a configuration, in the data or in a path.

    The message says what was given, what is allowed and what to do, with the key as the user types it
    (`data.val_split`). The command line prints it without a traceback and ends with exit code 2; any
    other exception is a bug and keeps its traceback.

    Args:
        text: The message.
        key: The key that it is about, as typed, where the message does not begin with it.
    """

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key
