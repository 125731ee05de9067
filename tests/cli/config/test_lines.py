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


@pytest.mark.parametrize("content", ["a: [", "- a", "word", ""])
def test_a_file_without_keys_has_no_lines(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    assert find_line(tmp_path / "config.yaml", "a.b") is None
    assert find_line(tmp_path / "missing.yaml", "a") is None
