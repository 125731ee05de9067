from collections.abc import Callable
from pathlib import Path

import pytest

from litclassify.cli import main

Mistake = Callable[..., str]


@pytest.fixture
def mistake(capsys: pytest.CaptureFixture[str]) -> Mistake:
    """Run a mistaken command line; gives what it printed on standard error."""

    def run(*words: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        assert stop.value.code == 2
        printed = capsys.readouterr().err
        message = printed[printed.index("error: ") :].rstrip("\n")
        assert "Traceback" not in message
        assert len(message.splitlines()) <= 10
        assert not Path("runs").exists()
        return message

    return run
