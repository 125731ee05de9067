"""Words of a command line as flags with their values, and the order in which flags hold."""

from collections.abc import Iterable
from dataclasses import dataclass

from litclassify.cli.config.keys import as_typed

CLASSES_OF_MODEL = (
    *("network", "criterion", "optimizer", "lr_scheduler", "batch_mixing", "class_weights", "parameter_groups"),
    *("test_time_augmentation", "rejection"),
)
CLASSES = ("data", *(f"model.{name}" for name in CLASSES_OF_MODEL))


@dataclass(frozen=True)
class Flag:
    """A flag with its value, in one word or several."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """The key without `init_args`: `data.batch_size`, or of one that appends, `trainer.callbacks+`."""
        name = self.words[0].partition("=")[0]
        return "config" if name == "-c" else as_typed(name.removeprefix("--"))

    @property
    def value(self) -> str | None:
        """The text that is given; None if it is missing."""
        _, equals, value = self.words[0].partition("=")
        return value if equals else next(iter(self.words[1:]), None)


def group_words(words: Iterable[str]) -> list[Flag]:
    """Group words into flags, each with its values."""
    flags: list[Flag] = []
    for word in words:
        if word.startswith("--") or word.partition("=")[0] == "-c" or not flags:
            flags.append(Flag((word,)))
        else:
            flags[-1] = Flag((*flags[-1].words, word))
    return flags


def in_order_of_precedence(flags: Iterable[Flag]) -> list[Flag]:
    """Give config files first, then flags, a class before its arguments.

    `--data.batch_size 32 --data MNIST` is the same as `--data MNIST --data.batch_size 32`: read from left to right,
    naming the class would drop the argument in silence. A flag that names a class comes before the config files too,
    for one that holds nothing but arguments of that class.
    """
    configs: list[Flag] = []
    ordered: list[Flag] = []
    for flag in flags:
        if flag.name == "config":
            configs.append(flag)
        else:
            ordered = _without_replaced(flag, ordered)
            ordered.insert(_place(flag, ordered), flag)
    return [*(flag for flag in ordered if flag.name in CLASSES), *configs, *ordered]


def _without_replaced(flag: Flag, earlier: list[Flag]) -> list[Flag]:
    """Leave out the class that a flag replaces, with the arguments that were for it."""
    replaced = [other for other in earlier if other.name == flag.name and other != flag]
    if flag.name not in CLASSES or not replaced:
        return earlier
    return [other for other in earlier if other not in replaced and not other.name.startswith(f"{flag.name}.")]


def _place(flag: Flag, earlier: list[Flag]) -> int:
    """Give where a flag goes: before the first argument of what it names, else last.

    The arguments that follow a flag that appends (`--trainer.callbacks+=X`) belong to that one, and stay with it.
    """
    arguments = [i for i, other in enumerate(earlier) if other.name.startswith(f"{flag.name}.")]
    appended_to = any(other.name == f"{flag.name}+" for other in earlier)
    return arguments[0] if arguments and not appended_to else len(earlier)
