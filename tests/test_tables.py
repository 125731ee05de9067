"""What is printed in columns, on terminals of any width and in pipes."""

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.file_proxy import FileProxy
from rich.text import Text

from litclassify.tables import print_table

HEADER = ["class", "images", "f1"]
ROWS = [["a" * 40, "12", "0.1234"], ["短い名前", "7", "undefined"], ["b", "100", "1.0000"]]


def printed(rows: list[list[str]], capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_table(HEADER, rows, numbers=HEADER[1:])
    return Text.from_ansi(capsys.readouterr().out).plain.splitlines()


@pytest.mark.parametrize(("columns", "kind"), [(80, "xterm"), (30, "xterm"), (30, "dumb"), (10, "xterm")])
def test_numbers_are_whole_and_names_fold_on_a_terminal(
    columns: int, kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = printed(ROWS, capsys)
    words = " ".join(lines).split()
    assert [words.count(number) for _, *numbers in ROWS for number in numbers] == [1] * 6
    assert "".join(words).count("a") == 40 + "class images".count("a")
    assert max(map(cell_len, lines)) == min(max(columns, 8 + 1 + 6 + 1 + 9), 40 + 1 + 6 + 1 + 9)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_names_fold_beside_a_live_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", FileProxy(Console(file=terminal, color_system=None), terminal))
    print_table(HEADER, ROWS, numbers=HEADER[1:])
    lines = terminal.getvalue().splitlines()
    assert lines[1].split()[1:] == ROWS[0][1:]
    assert max(map(cell_len, lines)) == 40


def test_lines_are_whole_in_a_pipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name = "n" * 300
    lines = printed([[name, "1", "0.5000"]], capsys)
    assert [line.split() for line in lines] == [HEADER, [name, "1", "0.5000"]]


def test_what_a_terminal_would_obey_is_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed([["\x1b[31mred", "1", "[bold]0"]], capsys)[1].split() == [r"\x1b[31mred", "1", "[bold]0"]
