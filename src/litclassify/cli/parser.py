"""The parser whose errors a person can act on."""

import inspect
import numbers
import re
from argparse import SUPPRESS
from collections.abc import Iterator, Sequence
from functools import wraps
from typing import Any, NoReturn

import yaml
from jsonargparse import Namespace, _common, _core, _typehints, set_dumper
from jsonargparse.typing import register_type
from lightning.pytorch.cli import LightningArgumentParser

from litclassify.cli.config_keys import same_class
from litclassify.cli.parser_errors import explain
from litclassify.cli.references import resolve_references

NONE = re.compile("=None$")


class ArgumentParser(LightningArgumentParser):
    """LightningCLI's parser, with mistakes raised as `UserError` instead of a usage dump."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # An abbreviated flag is a typo that happens to be a prefix.
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the mistake in a few lines.

        The parsers of nested classes report to the one above, which turns the whole into a message.
        """
        if not self.exit_on_error:
            super().error(message, ex)
        raise explain(message, self._keys()) from ex

    def parse_args(  # type: ignore[override] # as jsonargparse does with argparse's
        self, args: Sequence[str] | None = None, *rest: Any, **settings: Any
    ) -> Namespace:
        """Parse words.

        An argument of a nested class comes from the parser above as one word, in which jsonargparse writes null as
        Python does: `--network.weights=None` would be the text "None".
        """
        if args is not None and not self.exit_on_error:
            args = [NONE.sub("=null", word) for word in args]
        try:
            parsed: Namespace = super().parse_args(args, *rest, **settings)
        except ImportError as error:  # The allowlist's, from where jsonargparse compares classes.
            self.error(str(error), error)
        return parsed

    def validate(self, namespace: Namespace, *rest: Any, **settings: Any) -> None:
        """Check values against their types, null among them: jsonargparse takes it for a value that was not given."""
        super().validate(namespace, *rest, **settings)
        for action in self._actions:
            # Without a default, null is the default or means that a required value is missing.
            may_be_null = action.default is None or action.default is SUPPRESS
            if not may_be_null and namespace.get(action.dest, action.default) is None:
                self._check_value_key(action, None, action.dest, namespace)

    def _keys(self) -> Iterator[str]:
        for action in self._actions:
            yield from (option.lstrip("-") for option in action.option_strings)
            for parser in action.choices.values() if isinstance(action.choices, dict) else ():
                yield from parser._keys()


def top_level_names(parser: LightningArgumentParser) -> set[str]:
    """Give the names of a parser's arguments and groups, such as `trainer`."""
    options = (option for action in parser._actions for option in action.option_strings)
    return {option.lstrip("-").split(".", 1)[0] for option in options}


def register_number_type() -> None:
    """Let a config hold the abstract `Number` that `degrees` of torchvision's RandomRotation and RandomAffine are.

    jsonargparse takes it for a class whose instances cannot be written into a config.
    """
    register_type(numbers.Number, serializer=_as_number, deserializer=_as_number, fail_already_registered=False)


def _as_number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return value


def write_string_enums_as_strings() -> None:
    """Let a config hold an enum whose members are strings, such as the default `interval` of Lightning's `Timer`.

    Without it saving the config fails: PyYAML represents no subclass of str, and the argument's type is plain `str`.
    """
    set_dumper("yaml", lambda config: str(yaml.dump(config, Dumper=ConfigDumper, allow_unicode=True, sort_keys=False)))


class ConfigDumper(yaml.SafeDumper):
    """PyYAML's safe dumper that writes every subclass of str as text: of an enum, the value."""


ConfigDumper.add_multi_representer(str, lambda dumper, text: dumper.represent_str(str.__str__(text)))


def prepare_jsonargparse() -> None:
    """Mend what stands in the way of configs; safe to call more than once."""
    register_number_type()
    write_string_enums_as_strings()
    drop_arguments_of_replaced_classes()
    allow_references_everywhere()


def allow_references_everywhere() -> None:
    """Let `${data.batch_size}` stand in every place of a recipe, and mean a key of the recipe.

    In mode `omegaconf+`, jsonargparse takes a reference for a whole argument, but not inside of a list or mapping, and
    looks for the key in the configuration of the whole command line, where all keys begin with the subcommand. It has
    no setting for either, so its own functions are replaced; pinning `jsonargparse<5` keeps the names in place.
    """
    vars(_core)["omegaconf_apply"] = resolve_references
    adapt = inspect.unwrap(_typehints.adapt_typehints)

    @wraps(adapt)
    def adapt_unless_reference(value: Any, *args: Any, **kwargs: Any) -> Any:
        is_reference = _common.lenient_check.get() and isinstance(value, str) and "${" in value
        return value if is_reference else adapt(value, *args, **kwargs)

    vars(_typehints)["adapt_typehints"] = adapt_unless_reference


def drop_arguments_of_replaced_classes() -> None:
    """Let a class that is named later start from its own defaults.

    jsonargparse keeps every argument of the earlier class that the later one takes too: AdamW's `weight_decay` stays
    when a flag says SGD, and nothing tells. It has no setting for this, so its own function is replaced; pinning
    `jsonargparse<5` keeps the name in place.
    """
    _typehints.discard_init_args_on_class_path_change = _discard_if_replaced


def _discard_if_replaced(_: Any, prev_val: Any, value: Any) -> None:
    if prev_val and "init_args" in prev_val and not same_class(prev_val["class_path"], value["class_path"]):
        # Namespace is untyped.
        prev_val["init_args"] = Namespace() if isinstance(prev_val, Namespace) else {}  # type: ignore[no-untyped-call]
