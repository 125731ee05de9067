"""`python main.py config diff A B` and `python main.py config check FILE`."""

from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands import config_check, config_diff
from litclassify.cli.commands.command_parser import CommandParser

ACTIONS = {"diff": config_diff.main, "check": config_check.main}


def main(words: list[str]) -> None:
    """Compare two configs, or check whether files parse."""
    parser = CommandParser("config", COMMANDS["config"])
    parser.add_argument("action", choices=ACTIONS)
    ACTIONS[parser.parse_args(words[:1]).action](words[1:])
