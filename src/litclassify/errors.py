"""The one exception type for mistakes that a user can mend."""


class UserError(ValueError):
    """A mistake in a configuration, in the data or in a path.

    The message says what was given, what is allowed and what to do, with the key as the user types it
    (`data.val_split`). The command line prints it without a traceback and ends with exit code 2; any
    other exception is a bug and keeps its traceback.
    """
