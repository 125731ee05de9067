"""Environment variables that are no arguments."""

PREFIX = "LITCLASSIFY_"
ALLOW_IMPORT = f"{PREFIX}ALLOW_IMPORT"
"""Packages that configs may use, separated by commas."""
DEBUG = f"{PREFIX}DEBUG"
"""1 shows the traceback of a user's mistake."""
RUN_DIR = f"{PREFIX}RUN_DIR"
"""Set by the first process of a node for the others, which Lightning starts by running the same command line again."""
