"""What jsonargparse has no setting for: every function of its own that is replaced, and why.

Pinning `jsonargparse<4.54` keeps their names in place.
"""

import inspect
import logging
import numbers
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import wraps
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace, _common, _core, _typehints, get_loader, set_dumper, set_loader
from jsonargparse._util import NestedArg, get_import_path, import_object
from jsonargparse.typing import register_type
from lightning.pytorch import LightningModule

from litclassify.cli.config.classes import all_argument_names, argument_defaults, as_yaml, imported_class
from litclassify.cli.config.keys import same_class, short_name
from litclassify.cli.config.yaml_text import MISFITS, check_text
from litclassify.cli.parsing.presets import spell_out_presets
from litclassify.cli.parsing.references import resolve_references

LOGGER = logging.getLogger(__name__)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
REPLACED: tuple[tuple[Any, str], ...] = (
    (_core, "omegaconf_apply"),
    (_typehints.ActionTypeHint, "_check_type"),
    (_typehints, "adapt_partial_callable_class"),
    (_typehints, "adapt_typehints"),
    (_typehints, "discard_init_args_on_class_path_change"),
    (_typehints, "resolve_class_path_by_name"),
)


@contextmanager
def adapted_jsonargparse() -> Iterator[None]:
    """Mend what stands in the way of configs, for as long as a command runs."""
    # These add to what jsonargparse knows, and are the same every time.
    register_type(numbers.Number, serializer=_as_number, deserializer=_as_number, fail_already_registered=False)
    set_dumper("yaml", _dump)
    set_loader("omegaconf+", _load, (yaml.YAMLError, *MISFITS))
    before = [vars(owner)[name] for owner, name in REPLACED]
    replacements = (
        _complete,
        _from_defaults_after_null(_typehints.ActionTypeHint._check_type),
        _called_later(_typehints.adapt_partial_callable_class),
        _adapted_values(_typehints.adapt_typehints),
        _discard_if_replaced,
        _own_class_first(_typehints.resolve_class_path_by_name),
    )
    try:
        for (owner, name), function in zip(REPLACED, replacements, strict=True):
            setattr(owner, name, function)
        yield
    finally:
        for (owner, name), function in zip(REPLACED, before, strict=True):
            setattr(owner, name, function)


def _complete(parser: ArgumentParser, config: Namespace) -> Namespace:
    """Resolve what stands for values: references, then names of presets, which depend on other values."""
    return spell_out_presets(parser, resolve_references(parser, config), config.get("subcommand"))


def _as_number(value: Any) -> int | float:
    """Take the abstract `Number` that `degrees` of torchvision's RandomRotation and RandomAffine are.

    Without it jsonargparse takes it for a class whose instances cannot be written into a config. Flags give it as text.
    """
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return value


def _load(text: str) -> Any:
    check_text(text)
    return get_loader("yaml")(text)


class _ConfigDumper(yaml.SafeDumper):
    """PyYAML's safe dumper that writes every subclass of str as text: for an enum, its value.

    An enum of strings is the default `interval` of Lightning's `Timer`, whose type is plain `str`.
    """


_ConfigDumper.add_multi_representer(str, lambda dumper, text: dumper.represent_str(str.__str__(text)))


def _dump(config: Any) -> str:
    return str(yaml.dump(config, Dumper=_ConfigDumper, allow_unicode=True, sort_keys=False))


def _adapted_values(adapt: Any) -> Any:
    """Let `${data.batch_size}` stand in every place of a recipe, and flags give arguments to a function.

    In mode `omegaconf+`, jsonargparse takes a reference for a whole argument, but not inside of a list or mapping, and
    looks for the key in the configuration of the whole command line, where all keys begin with the subcommand; the
    latter is why `resolve_references` stands in the place of its `omegaconf_apply`.

    Of a function that an earlier flag names, it knows no class path to go with arguments.
    """
    adapt = inspect.unwrap(adapt)

    @wraps(adapt)
    def adapt_value(value: Any, *args: Any, **kwargs: Any) -> Any:
        if _common.lenient_check.get() and isinstance(value, str) and "${" in value:
            return value
        named = kwargs.get("prev_val")
        if isinstance(value, NestedArg) and inspect.isfunction(named):
            kwargs["prev_val"] = Namespace(class_path=get_import_path(named))  # type: ignore[no-untyped-call]
        return adapt(value, *args, **kwargs)

    return adapt_value


def _from_defaults_after_null(check: Any) -> Any:
    """Let `--early_stopping.patience 3` over a recipe with `early_stopping: null` be what it is without the null.

    jsonargparse takes the defaults of the class in the type then, not those of this application: no metric to monitor.
    """

    @wraps(check)
    def check_type(self: Any, value: Any, append: bool = False, cfg: Any = None, mode: Any = None) -> Any:
        is_null = cfg and cfg.get(self.dest, self.default) is None
        if is_null and _typehints.is_subclass_spec(self.default):  # type: ignore[no-untyped-call]
            cfg = Namespace({self.dest: check(self, deepcopy(self.default))})  # type: ignore[no-untyped-call]
        return check(self, value, append=append, cfg=cfg, mode=mode)

    return check_type


def _called_later(adapt: Any) -> Any:
    """Let a function that is a network's factory wait for the number of classes, if it has `init_args`, too.

    jsonargparse knows this of classes. A function it calls with what is given, and `torchvision.models.resnet18` has
    1,000 classes then.
    """

    @wraps(adapt)
    def adapt_function_too(factory: Any, spec: Namespace) -> tuple[Namespace, set[str] | None]:
        spec, given_later = adapt(factory, spec)
        function = import_object(spec["class_path"])
        if not _typehints.is_protocol(factory) or not inspect.isfunction(function):
            return spec, given_later
        returned = _typehints.get_callable_return_type(factory)  # type: ignore[no-untyped-call]
        classes = _typehints.get_subclass_types(returned)  # type: ignore[no-untyped-call]
        if not _typehints.function_returns_subclass(function, classes, LOGGER):
            raise ImportError(f"Expected '{spec['class_path']}' to be a function that returns {returned}.")
        return spec, {name for name in inspect.signature(factory.__call__).parameters if name != "self"}

    return adapt_function_too


def _discard_if_replaced(_: Any, prev_val: Any, value: Any) -> None:
    """Let a class that is named later start from its own defaults, unless it is a model.

    jsonargparse keeps every argument of the earlier class that the later one takes too: AdamW's `weight_decay` stays
    when a flag says SGD, and nothing tells. A model, however, is what its parts are: network, optimizer and schedule of
    a recipe are meant for every classifier that takes them.
    """
    if prev_val and "init_args" in prev_val and not same_class(prev_val["class_path"], value["class_path"]):
        kept = _parts_of_model(prev_val, value["class_path"])
        # Namespace is untyped.
        prev_val["init_args"] = Namespace(kept) if isinstance(prev_val, Namespace) else kept  # type: ignore[no-untyped-call]


def _parts_of_model(earlier: Any, later: str) -> dict[str, Any]:
    """Give what was chosen of those arguments of an earlier model that a later one has; nothing of other classes."""
    if not all(issubclass(imported_class(path) or object, LightningModule) for path in (earlier["class_path"], later)):
        return {}
    defaults, taken = argument_defaults(earlier["class_path"]), all_argument_names(later)
    arguments = vars(earlier["init_args"]) if isinstance(earlier["init_args"], Namespace) else earlier["init_args"]
    return {
        name: value
        for name, value in arguments.items()
        if name in taken and not _is_default(as_yaml(value), defaults.get(name))
    }


def _is_default(value: Any, default: Any) -> bool:
    """Whether a value is the default of its argument; a class may also have the defaults of its own arguments."""
    if not (isinstance(value, Mapping) and isinstance(default, Mapping) and "class_path" in default):
        return bool(value == default)
    class_path, given = default["class_path"], value.get("init_args", {})
    own = {**argument_defaults(class_path), **default.get("init_args", {})}
    # jsonargparse takes away what the later class has, too, be it the class path.
    return value.get("class_path", class_path) == class_path and all(own.get(name) == given[name] for name in given)


def _own_class_first(resolve: Any) -> Any:
    """Let a short name that several packages have mean the class of this one.

    jsonargparse refuses such a name: torch has a `Muon`, too, which takes no convolutions.
    """

    @wraps(resolve)
    def resolve_own_first(cls: Any, name: str) -> str:
        try:
            return str(resolve(cls, name))
        except ValueError:
            paths = _typehints.get_all_subclass_paths(cls)
            own = [path for path in paths if path.startswith("litclassify.") and short_name(path) == name]
            if not own:
                raise
            return own[0]

    return resolve_own_first
