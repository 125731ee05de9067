r"""References in a config: `${trainer.max_epochs}` stands for the value of that key, wherever it comes from.

The grammar is OmegaConf's: `${.lr}` is the key beside this one, `${oc.env:HOME}` an environment variable, and `\${`
no reference at all. As on the command line, a key may leave out `init_args`.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from litclassify.cli.config.classes import apply_types
from litclassify.cli.config.keys import as_typed, flatten
from litclassify.errors import UserError
from litclassify.suggestions import nearest

# A key from the top of the config: relative ones start with a dot, and resolvers have a colon.
REFERENCE = re.compile(r"(?<!\\)\$\{([A-Za-z_][\w.\[\]]*)\}")
RELATIVE = re.compile(r"\$\{\.[\w.\[\]]*\}")
ADDRESS = re.compile(r"\b(?!file:|local:)[\w+.-]+://")


def resolve_references(parser: ArgumentParser, config: Namespace) -> Namespace:
    """Put values in the place of references.

    Args:
        parser: The parser of the whole command line.
        config: What it has parsed: a value with a reference is still text, whatever type it must have.

    Raises:
        UserError: A reference leads nowhere or in a circle, or the config could send environment variables away.
    """
    if "${" not in str(config):
        return config
    values = yaml.safe_load(parser.dump(config, skip_validation=True, skip_unset=False, skip_link_targets=False))
    # A recipe knows nothing of the subcommand that reads it.
    subcommand = config.get("subcommand")
    root = values[subcommand] if subcommand else values
    texts = [text for text in _texts(root, "") if "${" in text[0][text[1]]]
    resolver = next((node[place] for node, place, _ in texts if _calls_resolver(node[place])), None)
    for node, place, key in texts:
        node[place] = _with_full_keys(node[place], root, key)
    try:
        root.update(OmegaConf.to_container(OmegaConf.create(root), resolve=True))
    except OmegaConfBaseException as error:
        raise UserError(f"{as_typed(error.full_key or '')}: {str(error.msg).splitlines()[0]}.") from error
    if resolver is not None:
        _check_addresses(root, resolver)
    return apply_types(parser, values)


def _calls_resolver(text: str) -> bool:
    """Whether a text may read an environment variable: it holds more than references to keys, which may nest."""
    return "${" in RELATIVE.sub("", REFERENCE.sub("", text))


def _check_addresses(config: Any, resolver: str) -> None:
    """Refuse addresses in a config that may have read environment variables: many of these are secrets."""
    for node, place, key in _texts(config, ""):
        if ADDRESS.search(node[place]):
            raise UserError(
                f"{key} is an address, and '{resolver}' may read an environment variable: a config with both could "
                "send it away. Write out what the variable holds.",
                key,
            )


def _texts(node: Any, key: str) -> Iterator[tuple[Any, Any, str]]:
    """Give every text: the mapping or list that holds it, its place there, and its key as typed."""
    places = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for place, value in list(places):
        name = as_typed(f"{key}.{place}".lstrip("."))
        if isinstance(value, str):
            yield node, place, name
        yield from _texts(value, name)


def _with_full_keys(text: str, root: Any, key: str) -> str:
    return REFERENCE.sub(lambda match: f"${{{_full_key(match[1], root, key)}}}", text)


def _full_key(given: str, root: Any, place: str) -> str:
    """Give the key with the `init_args` that the user left out."""
    node, parts = root, []
    for part in re.split(r"[.\[]", given.replace("]", "")):
        if isinstance(node, dict) and part not in node and part in (node.get("init_args") or ()):
            node = node["init_args"]
            parts.append("init_args")
        parts.append(part)
        try:
            node = node[int(part) if isinstance(node, list) else part]
        except (KeyError, IndexError, TypeError, ValueError):
            near = nearest(given, (key for key, _ in flatten(root)))
            raise UserError(f"{place}: ${{{given}}} refers to a key that does not exist.{near}", place) from None
    return ".".join(parts)
