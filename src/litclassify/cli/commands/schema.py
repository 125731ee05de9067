"""`python main.py schema > litclassify.schema.json`."""

import json
import sys

from litclassify.cli.command_names import COMMANDS
from litclassify.cli.commands.command_parser import CommandParser
from litclassify.cli.commands.json_schema import config_schema
from litclassify.cli.dry_run import subcommand_parsers

TITLE = "LitClassify: configs of fit"


def main(words: list[str]) -> None:
    """Print the JSON Schema of `fit`'s configs."""
    CommandParser("schema", COMMANDS["schema"]).parse_args(words)
    schema = config_schema(subcommand_parsers()["fit"], TITLE)
    sys.stdout.write(json.dumps(schema) + "\n")
