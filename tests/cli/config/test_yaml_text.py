"""A key that stands twice in a mapping is refused: of its values, YAML keeps the last one without a word."""

import pytest
import yaml

from litclassify.cli.config.yaml_text import FAST, load_yaml

TWICE = {
    "at the top": ("a: 1\nb: 2\na: 3\n", "a", 1, 3),
    "below": ("x:\n  a: 1\n  a: 2\n", "a", 2, 3),
    "in a line": ("{a: 1, b: {c: 2, c: 3}}", "c", 1, 1),
    "in a list": ("- a\n- b: 1\n  c: 2\n  b: 3\n", "b", 2, 4),
    "with quotes": ("a: 1\n'a': 2\n", "a", 1, 2),
    "after a mapping": ("a: {b: 1}\nb: 2\na: [1, 2]\n", "a", 1, 3),
    "after an alias": ("a: &x 1\nb: *x\na: 2\n", "a", 1, 3),
    "in JSON": ('{"a": 1,\n "a": 2}', "a", 1, 2),
}
ONCE = [
    "a: {a: {a: 1}}",
    "- {a: 1}\n- {a: 2}",
    "a: a\nb: a",
    "a+: 1\na: 2",
    "a: &x {b: 1}\nc: &y {d: 2}\ne: {<<: *x, <<: *y, b: 3}",
    "? [a, b]\n: a\na: b",
    "a: [a, a, a]",
    "",
]


@pytest.mark.parametrize("loader", [yaml.SafeLoader, FAST])
@pytest.mark.parametrize(("text", "key", "first", "second"), TWICE.values(), ids=TWICE.keys())
def test_a_key_that_comes_twice_is_refused(text: str, key: str, first: int, second: int, loader: type) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match=f"'{key}' stands in line {first} already") as refused:
        load_yaml(text, loader)
    assert refused.value.problem_mark is not None
    assert refused.value.problem_mark.line + 1 == second


@pytest.mark.parametrize("text", ONCE)
def test_keys_of_several_mappings_are_no_such_keys(text: str) -> None:
    if not text.startswith("?"):  # A list is not a key in Python.
        assert load_yaml(text) == yaml.safe_load(text)
