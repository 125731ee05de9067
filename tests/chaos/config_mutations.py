"""Recipes and command lines with faults in them, each a pure function of its seed."""

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from tests.conftest import CONFIGS

RECIPES = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CONFIGS.glob("*.yaml"))]

TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\x1b[2J",
        "\r\n",
        "\u202e",
        "\ufeff",
        "é" * 300,
        "😀",
        "a" * 5000,
        "'",
        '"',
        "\\",
        "%s%n",
        "{}",
        "[]",
    ),
    *(
        "null",
        "~",
        "yes",
        "NaN",
        "-.inf",
        "1e400",
        "0x10",
        "1_000",
        "12:30:45",
        "2024-01-01",
        "-",
        "--",
        "-1",
        "=",
        "@",
        "`",
    ),
    *(
        "${",
        "${}",
        "${.}",
        "${..}",
        "${data}",
        "${model.network}",
        "${trainer.max_epochs}",
        "${oc.env:NOWHERE}",
        "${${a}}",
    ),
    *("${oc.decode:[}", "${oc.create:{a: 1}}", "${no.such:1}", "\\${", "os.system", "torch.nn.Module", "torch.nn", "."),
    *(
        "torch",
        "LeNet",
        "AdamW",
        "Digits",
        "ImageClassifier",
        "builtins.eval",
        "torch.os",
        "..",
        "...",
        "a.b",
        "a..b",
        "1.2",
    ),
    *(
        "/",
        "/dev/null",
        "/proc/self/mem",
        ".",
        "../..",
        "~",
        "~nobody/x",
        "$(touch canary)",
        "file:///etc/passwd",
        "!!null",
    ),
)
NUMBERS = (0, 1, -1, 2**31, 2**63, -(2**64), 10**400, 0.5, 1e-320, 1e308, float("inf"), float("nan"), True, False)
NAMES = (
    *(
        "class_path",
        "init_args",
        "dict_kwargs",
        "lr",
        "callbacks",
        "callbacks+",
        "data",
        "model",
        "trainer",
        "config",
        "help",
    ),
    *(
        "__default_config__",
        "subcommand",
        "fit",
        "self",
        "args",
        "kwargs",
        "a.b",
        "",
        " ",
        "1",
        "model.network",
        "<<",
        "=",
        "é",
    ),
    *("print_config", "__path__", "__class__", "init_args.lr", "ckpt_path", "seed_everything", "\x1b[31m"),
)
FLAGS = (
    *(
        "--data",
        "--model",
        "--trainer",
        "--model.network",
        "--model.optimizer",
        "--model.optimizer.lr",
        "--trainer.callbacks",
    ),
    *(
        "--trainer.callbacks+",
        "--data.batch_size",
        "--data.train_transform",
        "--trainer.max_epochs",
        "--trainer.logger",
    ),
    *("--model.lr_scheduler", "--model.criterion", "--checkpoint.monitor", "--early_stopping.patience", "--run_name"),
    *(
        "--config",
        "--seed_everything",
        "--ckpt_path",
        "--",
        "-",
        "-c",
        "-x",
        "--no_such_flag",
        "--data.",
        "--.a",
        "--=",
        "---",
    ),
    *(
        "--model.network.width",
        "--print_config",
        "--trainer.plugins",
        "--trainer.precision",
        "--model.init_args.network",
    ),
)

Places = list[tuple[Any, Any]]


def mutated_command(seed: int, folder: Path) -> list[str]:
    """Write one or two config files with faults, and give the words that have `fit` parse and print them.

    Args:
        seed: Of all that is drawn.
        folder: Where the files are written.
    """
    rng = random.Random(seed)
    words = ["fit"]
    for number in range(rng.choice((1, 1, 1, 2))):
        file = folder / f"{number}.yaml"
        file.write_bytes(_config(rng))
        words += ["--config", str(file)]
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        flag, value = rng.choice(FLAGS), str(_value(rng))
        words += rng.choice(([flag], [flag, value], [f"{flag}={value}"], [value]))
    return [*words[:1], "--print_config", *words[1:]] if rng.random() < 0.5 else [*words, "--print_config"]


def _config(rng: random.Random) -> bytes:
    config = deepcopy(rng.choice(RECIPES))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(CHANGES_OF_VALUES)(rng, config)
    try:
        text = yaml.safe_dump(config, allow_unicode=rng.random() < 0.5, sort_keys=False)
    except RecursionError:
        text = "recursive"
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 2))):
        text = rng.choice(CHANGES_OF_TEXT)(rng, text)
    content = text.encode("utf-8", "surrogatepass")
    return rng.choice(CHANGES_OF_BYTES)(rng, content) if rng.random() < 0.05 else content


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Give each mapping or list with each of its keys or positions, at all depths."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for place, value in list(items):
        yield node, place
        yield from _places(value)


def _value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.random()
    if kind < 0.4 or depth > 3:
        return rng.choice(TEXTS)
    if kind < 0.65:
        return rng.choice(NUMBERS)
    if kind < 0.7:
        return None
    if kind < 0.8:
        return [_value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    if kind < 0.9:
        return {"class_path": rng.choice(TEXTS), "init_args": _value(rng, depth + 1)}
    return {rng.choice(NAMES): _value(rng, depth + 1) for _ in range(rng.randint(0, 3))}


# --- Values ---


def _replace(rng: random.Random, config: Any) -> None:
    node, place = rng.choice([*_places(config)] or [({}, "")])
    node[place] = _value(rng)


def _remove(rng: random.Random, config: Any) -> None:
    node, place = rng.choice([*_places(config)] or [({"": 0}, "")])
    del node[place]


def _insert(rng: random.Random, config: Any) -> None:
    mappings = [config, *(node[place] for node, place in _places(config) if isinstance(node[place], dict))]
    rng.choice(mappings)[rng.choice((*NAMES, *NUMBERS, None))] = _value(rng)


def _misspell(rng: random.Random, config: Any) -> None:
    places = [(node, place) for node, place in _places(config) if isinstance(node, dict) and isinstance(place, str)]
    if places:
        node, place = rng.choice(places)
        letters = list(place)
        letters.insert(rng.randint(0, len(letters)), rng.choice("_.x é+ "))
        node["".join(letters)] = node.pop(place)


def _wrap(rng: random.Random, config: Any) -> None:
    node, place = rng.choice([*_places(config)] or [({"": 0}, "")])
    node[place] = rng.choice(([node[place]], {"a": node[place]}, {"class_path": node[place]}, [[node[place]] * 2]))


def _swap(rng: random.Random, config: Any) -> None:
    places = [*_places(config)]
    if places:
        (node, place), (other, other_place) = rng.choice(places), rng.choice(places)
        node[place] = deepcopy(other[other_place])


def _deepen(rng: random.Random, config: Any) -> None:
    node, place = rng.choice([*_places(config)] or [({}, "")])
    for _ in range(rng.choice((3, 30, 150))):
        node[place] = rng.choice(([node.get(place) if isinstance(node, dict) else node[place]], {"a": node[place]}))


CHANGES_OF_VALUES: tuple[Callable[[random.Random, Any], None], ...] = (
    *(_replace, _replace, _replace, _remove, _insert, _insert, _misspell, _wrap, _swap, _deepen),
)


# --- Text ---


def _truncate(rng: random.Random, text: str) -> str:
    return text[: rng.randint(0, len(text))]


def _repeat_a_line(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    place = rng.randrange(len(lines))
    return "".join([*lines[:place], lines[place] * 2, *lines[place + 1 :]])


def _lose_a_line(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    del lines[rng.randrange(len(lines))]
    return "".join(lines)


def _indent_a_line(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    place = rng.randrange(len(lines))
    lines[place] = rng.choice((" ", "\t", "- ", "  ")) + lines[place]
    return "".join(lines)


def _anchor(rng: random.Random, text: str) -> str:
    aliases = rng.choice(("*a", "[*a, *a]", "{<<: *a}", "{<<: [*a, *a]}"))
    value, key = rng.choice(("1", "{lr: 1}", "[*a]", "&b 2")), rng.choice(("y", "model", "trainer"))
    return f"x: &a {value}\n{text}\n{key}: {aliases}\n"


def _laugh(rng: random.Random, text: str) -> str:
    levels = rng.choice((3, 9, 30))
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join([text, "a0: &a0 lol", *lines, f"run_name: *a{levels - 1}"])


def _nest(rng: random.Random, text: str) -> str:
    depth = rng.choice((50, 2000, 20000))
    return text + rng.choice(("z: " + "[" * depth, "z: " + "[" * depth + "]" * depth, "z: " + "{a: " * depth))


def _strange_characters(rng: random.Random, text: str) -> str:
    place = rng.randint(0, len(text))
    return text[:place] + rng.choice(TEXTS) + text[place:]


def _several_documents(rng: random.Random, text: str) -> str:
    return rng.choice(
        (f"{text}\n---\n{text}", f"--- !!str\n{text}", f"%YAML 9.9\n---\n{text}", f"!!set {text}", f"[{text}")
    )


def _tag(rng: random.Random, text: str) -> str:
    tag = rng.choice(("!!python/object/apply:os.system", "!!binary", "!!set", "!!int", "!!timestamp", "!x", "!!omap"))
    return text.replace(": ", f": {tag} ", rng.randint(1, 3))


CHANGES_OF_TEXT: tuple[Callable[[random.Random, str], str], ...] = (
    *(_truncate, _repeat_a_line, _lose_a_line, _indent_a_line, _anchor, _laugh, _nest, _strange_characters),
    *(_several_documents, _tag),
)


# --- Bytes ---


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


CHANGES_OF_BYTES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip,
    lambda rng, content: content + rng.randbytes(rng.randint(1, 99)),
    lambda rng, content: content.decode("utf-8", "ignore").encode(rng.choice(("utf-16", "utf-32", "utf-7"))),
    lambda rng, content: rng.randbytes(rng.randint(0, 999)),
    lambda rng, content: b"",
)
