"""What is said of exceptions in a user's own code."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import SMALL

from litclassify.cli import main

OWN = """from torch import nn

class Broken(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(64, num_classes)

    def forward(self, images):
        return self.hed(images.flatten(1))

class Refusing(nn.Module):
    def __init__(self, num_classes, width=0):
        if width < 1:
            raise ValueError(f"width must be at least 1, got {width}.")

class WithoutClasses(nn.Module):
    pass
"""


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Run `fit` with a network of an own file; gives the message."""
    Path("own_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_networks", raising=False)

    def run(name: str, *words: str) -> str:
        with pytest.raises(SystemExit, match="2"):
            main(["fit", *SMALL, "--allow_import", "own_networks", "--model.network", f"own_networks.{name}", *words])
        message = capsys.readouterr().err
        return message[message.index("error: ") :]

    return run


def test_the_line_of_an_own_file_is_named(refused: Callable[..., str]) -> None:
    message = refused("Broken")
    assert "'Broken' object has no attribute 'hed'" in message
    assert "raised in own_networks.py, line 9, in forward. LITCLASSIFY_DEBUG=1 shows how." in message


def test_so_it_is_where_an_own_class_refuses_an_argument(refused: Callable[..., str]) -> None:
    message = refused("Refusing")
    assert "width must be at least 1, got 0." in message
    assert "own_networks.py, line 14, in __init__." in message


def test_a_network_that_takes_no_number_of_classes_is_told_so(refused: Callable[..., str]) -> None:
    assert "WithoutClasses takes no num_classes, which it is given here." in refused("WithoutClasses")


def test_of_installed_code_no_line_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, "--model.optimizer.lr", "-1"])
    message = capsys.readouterr().err
    assert "Invalid learning rate" in message
    assert "raised in" not in message
