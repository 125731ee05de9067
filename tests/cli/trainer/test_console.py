"""How warnings look while a command runs."""

import warnings

import pytest

from litclassify.cli.trainer.console import quiet_lightning


def shown(message: str, category: type[Warning]) -> str:
    with quiet_lightning():
        return warnings.formatwarning(message, category, "module.py", 7, line="the_line = of_code()")


def test_a_warning_to_the_user_is_its_text() -> None:
    assert shown("data.val_split has no effect.", UserWarning) == "warning: data.val_split has no effect.\n"


def test_a_warning_to_developers_names_the_line() -> None:
    assert shown("old", DeprecationWarning) == "module.py:7: DeprecationWarning: old\n  the_line = of_code()\n"


def test_so_does_every_warning_while_a_mistake_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITCLASSIFY_DEBUG", "1")
    assert shown("text", UserWarning).startswith("module.py:7: UserWarning: text\n")


def test_warnings_look_as_before_afterwards() -> None:
    before = warnings.formatwarning
    with quiet_lightning():
        assert warnings.formatwarning is not before
    assert warnings.formatwarning is before
