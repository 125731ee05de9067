"""What is said of mistakes in the arguments of a command."""

import pytest

from litclassify.cli.commands.command_parser import CommandParser
from litclassify.errors import UserError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lr", "r80"], "There is no argument 'r80'."),
        (["lr", "--stepz", "3"], "There is no argument '--stepz'. Did you mean '--steps'?"),
        ([], "Missing: lr or batch_size."),
        (["lrr"], "There is no 'lrr' here: choose from lr, batch_size. Did you mean 'lr'?"),
        (["lr", "--steps", "few"], "--steps must be an integer, got 'few'."),
        (["lr", "--rate", "high"], "--rate must be a number, got 'high'."),
        (["lr", "--steps"], "--steps needs a value."),
        (["lr", "--files"], "--files needs a value."),
    ],
)
def test_a_mistake_is_said_in_a_sentence_with_the_usage(words: list[str], said: str) -> None:
    parser = CommandParser("search", "Search.")
    parser.add_argument("what", choices=("lr", "batch_size"))
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--files", nargs="+")
    with pytest.raises(UserError) as refusal:
        parser.parse_args(words)
    first, usage = str(refusal.value).splitlines()
    assert first == said
    assert usage.startswith("Usage: python main.py search ")
