"""From what jsonargparse says of a mistake to the sentence that a person needs.

Of all causes in jsonargparse's tree of the types that it tried, the deepest one counts: it is said with the
key as typed.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import get_args

from torchvision import models

from litclassify.cli.command_names import NOTHING_TO_DO, no_such_command
from litclassify.cli.config.classes import argument_names, class_names, kind_of
from litclassify.cli.config.keys import short_name
from litclassify.cli.parsing.error_tree import Leaf, read_tree
from litclassify.cli.parsing.stray_words import flag_for
from litclassify.cli.trust.imports import refusal
from litclassify.data.augmentation.presets import Preset
from litclassify.errors import UserError
from litclassify.suggestions import nearest, some_of

UNKNOWN_OPTION = re.compile(r"Option '([^']+)' is not accepted")
GOT = re.compile(r"\.? Got value: (.*?)(?:\. Got value: Namespace\(.*)?$")
BARE_CALLBACK = re.compile(r"^Importing '[\w.]+\.Callback' is not allowed")
# What goes before a mistake in a file of `--trainer`.
FRAGMENT = re.compile(r"^Parser key \"trainer\":\nUnable to load config '.+'\n  - ")
# What is named first, and an example of it.
EXAMPLES = {
    "data": "--data Digits",
    "model.network": "--model.network LeNet",
    "model.optimizer": "--model.optimizer AdamW",
    "model.lr_scheduler": "--model.lr_scheduler WarmupCosine",
    "trainer.callbacks": "--trainer.callbacks+=EMA",
}
# What other programs call an argument.
FAMILIAR = {
    "batch_size": "data.batch_size",
    "epochs": "trainer.max_epochs",
    "gpus": "trainer.devices",
    "learning_rate": "model.optimizer.lr",
    "lr": "model.optimizer.lr",
    "max_epochs": "trainer.max_epochs",
    "num_workers": "data.num_workers",
    "seed": "seed_everything",
}
# What other programs call a value.
FAMILIAR_VALUES = {"fp16": "16-mixed", "float16": "16-mixed", "bfloat16": "bf16-mixed", "fp32": "32-true"}
# Where a class of a kind goes.
PLACES = {
    "LightningDataModule": "data",
    "LightningModule": "model",
    "Network": "model.network",
    "Optimizer": "model.optimizer",
    "LRScheduler": "model.lr_scheduler",
    "Transform": "data.train_transform",
    "Callback": "trainer.callbacks",
    "Logger": "trainer.logger",
}
PRINT_CONFIG = ("comments", "skip_default", "skip_unset")
TRAIN_TRANSFORM = "data.train_transform"
# What datasets of torchvision need, and these do not.
UNNEEDED_TRANSFORMS = ("ToTensor", "Normalize")
SUBCOMMAND = re.compile(r"^(fit|validate|test|predict)\.")
# What jsonargparse takes an argument for where no class is named.
BASES = ("Network", "Optimizer")
NEEDED = (
    "\ndata, model.network and model.optimizer come from a recipe (--config configs/digits.yaml), from a checkpoint of "
    "fit, or from flags:\n"
    "python main.py fit --data Digits --model.network LeNet --model.optimizer AdamW"
)
NEEDED_DATA = (
    "\nIt comes from a recipe (--config configs/digits.yaml), from a checkpoint of fit, or from flags, such as "
    f"{EXAMPLES['data']}."
)
HAS_OWN_KEY = (
    "EarlyStopping has a key of its own, early_stopping: set its arguments there, such as "
    "--early_stopping.monitor val_loss --early_stopping.mode min."
)

ONE_OF = "one of "
INTEGER = "an integer"
PLAIN_TYPES = {
    "int": INTEGER,
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "collections.abc.Sequence": "a list",
    "collections.abc.Iterable": "a list",
}


def explain(message: str, known: Iterable[str] = ()) -> UserError:
    """Say the cause of a parsing error.

    Args:
        message: jsonargparse's message.
        known: Keys that the parser has, to suggest from.

    Returns:
        A sentence or two: the key as typed, what was given, what is allowed, the nearest name.
    """
    for pattern, sentence in TOP_LEVEL:
        if match := pattern.search(message):
            return UserError(sentence(match, known), key=match[1].split("=", 1)[0].lstrip("-"))
    leaves = read_tree(FRAGMENT.sub("", message))
    if not leaves:
        return UserError(message)
    # An argument of the last callback is tried as one of a bare Callback, too, which no config may name.
    leaf = max([leaf for leaf in leaves if not BARE_CALLBACK.search(leaf.text)] or leaves, key=_importance)
    if BARE_CALLBACK.search(leaf.text):
        return UserError(
            f"{leaf.key}: no class is named before its argument. Name one: {EXAMPLES[leaf.key]}.", leaf.key
        )
    unknown = UNKNOWN_OPTION.search(leaf.text)
    return UserError(
        _say(leaf, leaves).removeprefix(": ").removeprefix("config: "),
        ".".join(filter(None, (leaf.key, unknown[1] if unknown else ""))),
    )


def _say(leaf: Leaf, leaves: Sequence[Leaf]) -> str:
    for pattern, sentence in CAUSES:
        if match := pattern.search(leaf.text):
            return sentence(leaf, match)
    siblings = [other for other in leaves if other.keys == leaf.keys and other.classes == leaf.classes]
    expected = list(dict.fromkeys(filter(None, (_expected(other.text) for other in siblings))))
    if expected and _expected(leaf.text):
        got = GOT.search(leaf.text)
        given = got[1] if got else leaf.given
        shown = "null" if given == "None" else repr(given)
        hint = _way_to_add(leaf.key, given) or _nearest_choice(given, siblings)
        return f"{leaf.key} must be {_alternatives(expected)}, got {shown}.{hint}"
    return f"{leaf.key}: {leaf.text}" if leaf.key else leaf.text


def _way_to_add(key: str, name: str) -> str:
    """Say how a transform that is named alone goes into a list; empty if a name at a key means none."""
    if key != TRAIN_TRANSFORM or kind_of(name) != "Transform":
        return ""
    if name in UNNEEDED_TRANSFORMS:
        return _unneeded(name)
    return f"\nAdd it to a preset, --{key} flip_crop --{key}+={name}, or put it in a list: [{name}]."


def _unneeded(transform: str) -> str:
    return f"\nLeave out {transform}: images stay uint8, and the model normalises them."


def _importance(leaf: Leaf) -> tuple[int, int, bool]:
    """Deeper causes say more; of equally deep ones, those of CAUSES in their order, then a class's own words."""
    rank = next((i for i, (pattern, _) in enumerate(CAUSES) if pattern.search(leaf.text)), len(CAUSES))
    return len(leaf.keys) + len(leaf.classes), -rank, _expected(leaf.text) is None


def _unknown_argument(leaf: Leaf, match: re.Match[str]) -> str:
    name = short_name(match[1])
    if leaf.key in EXAMPLES and short_name(leaf.owner) in BASES:
        return _no_class(leaf, match)
    allowed = argument_names(leaf.owner)
    owner = f" of {short_name(leaf.owner)}" if leaf.owner else ""
    takes = f"\nIt takes {some_of(allowed)}." if allowed else ""
    return (
        f"{leaf.key}: there is no argument '{name}'{owner}.{_familiar(name, leaf.key) or nearest(name, allowed)}{takes}"
    )


def _familiar(name: str, section: str = "") -> str:
    """Say which argument other programs call so; empty if it is the one that is not there."""
    meant = FAMILIAR.get(name, "")
    return f" Did you mean '{meant}'?" if meant and meant != f"{section}.{name}" else ""


def _required(leaf: Leaf, match: re.Match[str]) -> str:
    subcommand = SUBCOMMAND.match(match[1])
    names = [SUBCOMMAND.sub("", name.strip()) for name in match[1].split(",")]
    missing = [f"{leaf.key}.{name}" if leaf.key else name for name in names]
    if missing == ["trainer.callbacks.monitor"] and short_name(leaf.owner) == "EarlyStopping":
        return f"{leaf.key}: {HAS_OWN_KEY}"
    if subcommand and subcommand[1] != "fit":
        advice = f"\nThe checkpoint does not say: give what it was trained with, such as {EXAMPLES['data']}."
    elif missing == ["data"]:
        advice = NEEDED_DATA
    elif set(missing) & set(EXAMPLES):
        advice = NEEDED
    elif short_name(leaf.owner) in UNNEEDED_TRANSFORMS:
        advice = _unneeded(short_name(leaf.owner))
    else:
        advice = f" Set {'them' if len(missing) > 1 else 'it'} in a config file or as flags."
    return f"Missing: {', '.join(missing)}.{advice}"


def _no_class(leaf: Leaf, _: re.Match[str]) -> str:
    example = f", such as {EXAMPLES[leaf.key]}" if leaf.key in EXAMPLES else ""
    if leaf.key == "data" and "'root'" in leaf.given:
        example = ": a folder of images is --data ImageFolder"
    return f"{leaf.key}: no class is named that could be built. Name one before its arguments{example}."


def _unknown_class(leaf: Leaf, match: re.Match[str]) -> str:
    kind = kind_of(match[1])
    if kind is not None:
        place = PLACES.get(kind, leaf.key)
        goes = "does not go here" if place == leaf.key else f"belongs below {place}"
        return f"{leaf.key}: {match[1]}, a class of the kind {kind}, {goes}."
    presets = get_args(Preset) if leaf.key == TRAIN_TRANSFORM else ()
    near = _torchvision_network(leaf, match[1]) or nearest(match[1], [*class_names(), *presets])
    return f"{leaf.key}: there is no class or import path '{match[1]}'.{near}"


def _torchvision_network(leaf: Leaf, name: str) -> str:
    """Say how to name a network of torchvision; empty if `name` means none."""
    if leaf.key != "model.network" or (not name.startswith("torchvision.") and "." in name):
        return ""
    names = {_letters(known): known for known in models.list_models(module=models)}
    known = names.get(_letters(short_name(name)))
    if known is None:
        return ""
    return (
        f"\nThe network of torchvision: --model.network TorchvisionNetwork --model.network.name {known}, "
        f"or --model.network torchvision.models.{known}"
    )


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _denied(leaf: Leaf, match: re.Match[str]) -> str:
    network = _torchvision_network(leaf, match[1])
    return f"{leaf.key}: " + (f"there is no '{match[1]}'.{network}" if network else refusal(match[1], match[2]))


def _no_module(leaf: Leaf, match: re.Match[str]) -> str:
    return f"{leaf.key}: there is no module '{match[1]}'{_of(leaf)}. Is its folder on PYTHONPATH?"


def _no_attribute(leaf: Leaf, match: re.Match[str]) -> str:
    return f"{leaf.key}: module '{match[1]}' has no '{match[2]}'.{nearest(match[2], class_names())}"


def _wrong_class(leaf: Leaf, match: re.Match[str]) -> str:
    return f"{leaf.key}: {leaf.given or leaf.owner} is not a kind of {short_name(match[1])}."


def _wrong_function(leaf: Leaf, match: re.Match[str]) -> str:
    return f"{leaf.key}: {match[1]} is not what is needed here: a class or function that gives a {match[2]}."


def _of(leaf: Leaf) -> str:
    return f" to take '{leaf.given}' from" if leaf.given and " " not in leaf.given else ""


Sentence = Callable[[Leaf, re.Match[str]], str]
CAUSES: tuple[tuple[re.Pattern[str], Sentence], ...] = (
    (re.compile(r"Importing '(lightning\.LightningDataModule|typing\.Union)' is not allowed"), _no_class),
    (re.compile("Expected an instantiatable class"), _no_class),
    (
        re.compile("object has no attribute 'keys'|is not iterable"),
        lambda leaf, _: f"{leaf.key}: init_args must be a mapping of arguments to values.",
    ),
    (re.compile("^unhashable type"), lambda leaf, _: f"{leaf.key}: class_path must be text, the name of a class."),
    (re.compile(r"Importing '([^']+)' is not allowed, denied by the '([^']+)' entry"), _denied),
    (UNKNOWN_OPTION, _unknown_argument),
    (re.compile(r"the following arguments are required: ([\w., ]+)"), _required),
    (re.compile(r"No module named '([^']+)'"), _no_module),
    (re.compile(r"module '([^']+)' has no attribute '([^']+)'"), _no_attribute),
    (re.compile(r"(?:Expected a dot import path string|Unexpected import path format): (\S+)"), _unknown_class),
    (
        re.compile(r"Unexpected import object <module '([^']+)'"),
        lambda leaf, match: f"{leaf.key}: {match[1]} is a module. Name a class or function in it.",
    ),
    (re.compile(r"Import path does not correspond to a subclass of ([\w.]+)"), _wrong_class),
    (
        re.compile(
            r"Expected '([^']+)' to be a subclass of <class '(?:\w+\.)*(\w+)'>|"
            r"Import path (\S+) does not correspond to a subclass of (\w+)"
        ),
        lambda leaf, match: f"{leaf.key}: {match[1] or match[3]} is not a kind of {match[2] or match[4]}.",
    ),
    (
        re.compile(r"Expected an import path or a subclass spec, but got (.+?)(?:\. Got value|$)"),
        lambda leaf, match: f"{leaf.key} must name a class, got {match[1]}.",
    ),
    (re.compile(r"Expected '([^']+)' to be a function that returns <class '(?:\w+\.)*(\w+)'>"), _wrong_function),
)


def _unknown_key(match: re.Match[str], known: Iterable[str]) -> str:
    key = match[1].partition("=")[0].strip().partition(" ")[0].lstrip("-")
    return f"There is no argument '{key}'.{_familiar(key) or nearest(key, known)}"


def _unrecognized(match: re.Match[str], known: Iterable[str]) -> str:
    words = match[1].strip()
    # Several words, or one with spaces in it.
    meant = next(((word, flag) for word in (words, words.partition(" ")[0]) if (flag := flag_for(word))), None)
    return f"There is no argument '{meant[0]}'.{meant[1]}" if meant else _unknown_key(match, known)


TOP_LEVEL: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Iterable[str]], str]], ...] = (
    (re.compile(r"^unrecognized arguments: ?(.*)"), _unrecognized),
    (re.compile(r"^Subcommand '\w+' does not accept option '([^']+)'"), _unknown_key),
    (
        re.compile(r"^Group '(\w+)' does not accept option '([^']*)'"),
        lambda match, known: f"There is no argument '{match[1]}.{match[2]}'.{nearest(f'{match[1]}.{match[2]}', known)}",
    ),
    (re.compile(r"^argument (\S+): expected one argument"), lambda match, _: f"{match[1]} needs a value."),
    (
        re.compile(r"^Parser key \"config\": Path is not a file: '(.+)'"),
        lambda match, _: f"--config {match[1]} is a directory. Give a file in it.",
    ),
    (
        re.compile(r'^Parser key "config": File does not exist: (.+)'),
        lambda match, _: f"--config {match[1]}: no such file.",
    ),
    (
        re.compile(
            r"^Parser key \"trainer\":\nUnable to load config '(.+)'\n  - Parser key \"trainer\": Unable to load"
        ),
        lambda match, _: f"--trainer {match[1]} is not a file of Trainer arguments, as configs/trainer/cpu.yaml is.",
    ),
    (
        re.compile(r"^Parser key \"trainer\":\nUnable to load config '(.+)'\n  - (.+ already)\n.*line (\d+)"),
        lambda match, _: f"--trainer {match[1]} is not valid YAML, line {match[3]}: {match[2]}.",
    ),
    (
        re.compile(r"^Parser key \"trainer\":\nUnable to load config '(.+)'\n  - (?!Parser key)[\s\S]*line (\d+)"),
        lambda match, _: f"--trainer {match[1]} is not valid YAML, line {match[2]}.",
    ),
    (
        re.compile(r"^argument subcommand: invalid choice: '([^']+)'"),
        lambda match, _: no_such_command(match[1]),
    ),
    (
        re.compile('^Invalid option "([^"]*)" for --print_config'),
        lambda match, _: (
            f"--print_config takes {', '.join(PRINT_CONFIG)}, or nothing, got '{match[1]}'."
            f"{nearest(match[1], PRINT_CONFIG)}"
        ),
    ),
    (
        re.compile('^expected "(subcommand)" to be one of'),
        lambda *_: NOTHING_TO_DO,
    ),
)


EXPECTED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(r"Expected a typing\.Literal\[(.+?)\](?:\.|$)"),
        lambda match: f"{ONE_OF}{match[1].replace(chr(39), '')}",
    ),
    (
        re.compile(r"Expected an? <class '([\w.]+)'>"),
        lambda match: PLAIN_TYPES.get(match[1], f"a {short_name(match[1])}"),
    ),
    (re.compile(r"Expected a tuple with (\d+) elements"), lambda match: f"a list of {match[1]}"),
    (re.compile(r"Not a valid subclass of (\w+)"), lambda match: f"a class ({match[1]})"),
    (re.compile(r"Not of type Path"), lambda _: "a path"),
    (re.compile(r"Not of type timedelta"), lambda _: "a time as h:m:s"),
    (re.compile(r"Not of type Tensor"), lambda _: "a list of numbers"),
)


def _expected(text: str) -> str | None:
    for pattern, sentence in EXPECTED:
        if match := pattern.match(text):
            return sentence(match)
    return None


def _alternatives(expected: Sequence[str]) -> str:
    """Join what a value may be, with all choices in one list."""
    lists = [text.removeprefix(ONE_OF).split(", ") for text in expected if text.startswith(ONE_OF)]
    choices = list(dict.fromkeys(choice for choices in lists for choice in choices))
    # jsonargparse says of text in the place of Literal[16, 32] that it is not an integer.
    passed_over = INTEGER if any(map(str.isdecimal, choices)) else None
    types = [text for text in expected if not text.startswith(ONE_OF) and text != passed_over]
    return " or ".join([*types, *([ONE_OF + ", ".join(choices)] if choices else [])])


def _nearest_choice(given: str, siblings: Iterable[Leaf]) -> str:
    choices = [name for leaf in siblings for name in re.findall(r"'([^']+)'", leaf.text) if "Literal" in leaf.text]
    if FAMILIAR_VALUES.get(given) in choices:
        return f" Did you mean '{FAMILIAR_VALUES[given]}'?"
    return nearest(given, choices)
