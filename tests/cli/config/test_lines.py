from pathlib import Path

import pytest

from litclassify.cli.config.lines import find_line

CONFIG = """\
trainer.max_epochs: 3
data: Digits
model:
  class_path: ImageClassifier
  init_args:
    network:
      class_path: LeNet
      init_args:
        widht: 3
trainer:
  callbacks+:
  - class_path: Timer
  - class_path: EarlyStopping
    init_args:
      monitr: x
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("trainer.max_epochs", 1),
        ("data", 2),
        ("model.network", 6),
        ("model.network.widht", 9),
        ("model.init_args.network.init_args.widht", 9),
        ("trainer.callbacks.monitr", 15),
        ("model.optimizer", None),
        ("widht", None),
    ],
)
def test_line_of_a_key_as_typed(tmp_path: Path, key: str, line: int | None) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    assert find_line(tmp_path / "config.yaml", key) == line


@pytest.mark.parametrize(("item", "line"), [("0", 3), ("1", 4), ("1.monitr", 4), ("0.monitr", None), ("2", None)])
def test_an_item_of_a_list_has_its_own_line(tmp_path: Path, item: str, line: int | None) -> None:
    items = "    - {class_path: Timer}\n    - {class_path: EarlyStopping, init_args: {monitr: x}}\n"
    (tmp_path / "config.yaml").write_text(f"trainer:\n  callbacks:\n{items}")
    assert find_line(tmp_path / "config.yaml", f"trainer.callbacks.{item}") == line


def test_the_number_of_an_appended_item_is_not_that_of_its_list(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("trainer:\n  callbacks+:\n    - {class_path: Timer}\n")
    assert find_line(tmp_path / "config.yaml", "trainer.callbacks.0") is None


@pytest.mark.parametrize("content", ["a: [", "- a", "word", ""])
def test_a_file_without_keys_has_no_lines(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    assert find_line(tmp_path / "config.yaml", "a.b") is None
    assert find_line(tmp_path / "missing.yaml", "a") is None
