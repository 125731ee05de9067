"""What the first word of a command line can be."""

from litclassify.suggestions import nearest

SUBCOMMANDS = {
    "fit": "Train a classifier, from a recipe or from flags.",
    "validate": "Evaluate a checkpoint on the validation images.",
    "test": "Evaluate a checkpoint on the test images.",
    "predict": "Classify the test images, or files of your own.",
}
"""Name and purpose of each subcommand of the LightningCLI."""

COMMANDS = {
    "audit": "Read a data set before training, and say what is wrong with it.",
    "average": "Average the weights of checkpoints into one checkpoint.",
    "calibrate": "Fit the probabilities of a checkpoint to the validation images.",
    "compare": "Put runs side by side: metrics, settings and a paired test.",
    "config": "Compare two configs (diff), or check one before it runs (check).",
    "find": "Search for a learning rate or a batch size by short trainings.",
    "runs": "List the runs with their best and last metrics.",
    "schema": "Print a JSON Schema of configs, for checks in an editor.",
    "completion": "Print a completion script for bash or zsh.",
}
"""Name and purpose of each command."""

FAMILIAR = {"train": "fit", "eval": "test", "evaluate": "test", "classify": "predict", "infer": "predict"}
"""What other programs call a subcommand."""

NAMES = ", ".join((*SUBCOMMANDS, *COMMANDS))
NOTHING_TO_DO = f"Say what to do: {NAMES}. --help explains each."


def no_such_command(name: str) -> str:
    """Say that there is no such command, which is meant, and which there are."""
    meant = f" Did you mean '{FAMILIAR[name]}'?" if name in FAMILIAR else nearest(name, (*SUBCOMMANDS, *COMMANDS))
    return f"There is no subcommand '{name}'.{meant}\nChoose from {NAMES}."
