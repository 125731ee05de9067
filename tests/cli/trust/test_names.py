"""Names of classes, files and runs are text wherever they appear: on a terminal, in a page, in a path, in a command."""

import csv
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import SMALL, every

from litclassify.cli import main
from litclassify.cli.runs.invocation import shell_command
from litclassify.terminal import printable

NAMES = (
    "<img src=x onerror=alert(1)>",
    "\x1b]0;title\x07\x1b[2J",
    "$(touch canary)`touch canary`;touch canary",
    "{{ 7 * 7 }}{% include 'x' %}",
    "=cmd|' -c touch canary'!A1",
    "[red][link=http:x]\u202egnp",
    "-rf --output canary",
    "two\nlines\r",
    r"\$\frac{$x$",
)
TRAINING = ["--data", "ImageFolder", "--data.root", "images", "--data.image_size", "16", "--data.batch_size", "8"]
NETWORK = ["--model.network", "LeNet", "--model.network.in_channels", "3"]
QUIET = ["--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with classes of these names, of files of these names, and a run on them."""
    folder = tmp_path_factory.mktemp("names")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, label in enumerate(NAMES):
            Path("images", label).mkdir(parents=True)
            for i, name in enumerate(NAMES):
                Image.new("RGB", (16, 16), (30 * number, 9 * i, 99)).save(f"images/{label}/{name}.png", format="png")
        main(["fit", *SMALL, *TRAINING, *NETWORK, "--test_after_fit", "true"])
    return folder


@pytest.fixture(autouse=True)
def _here(folder: Path, tmp_path: Path) -> Iterator[None]:
    """A copy of it; nothing that a name says comes true."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    yield
    assert not list(tmp_path.rglob("canary"))


def printed(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    capfd.readouterr()
    main(list(words))
    captured = capfd.readouterr()
    return captured.out + captured.err


COMMANDS = {
    "test": ["test", "--ckpt_path", "best", *QUIET],
    "predict": ["predict", "--ckpt_path", "best", "--data.path", "images", "--output", "p.csv", *QUIET],
    "audit": ["audit", *TRAINING, "--no_label_errors", "--output", "audit"],
    "runs": ["runs"],
}


@pytest.mark.parametrize("command", every(2, COMMANDS))
def test_a_terminal_shows_names_and_obeys_none(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    text = printed(capfd, *COMMANDS[command])
    assert [character for character in set(text) if not character.isprintable() and character != "\n"] == []
    if command in ("test", "audit"):
        assert r"\x1b" in text
        assert "[red]" in text


def test_a_message_of_a_mistake_is_shown_and_not_obeyed(capfd: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        with pytest.raises(SystemExit):
            main(["fit", *SMALL, "--data.root", name, "--data", "ImageFolder", f"--data.{name}", "1"])
        assert capfd.readouterr().err.replace("\n", "").isprintable()


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_pages_hold_names_as_text() -> None:
    main(COMMANDS["audit"])
    (report,) = Path("runs").rglob("report.html")
    for page in (report, next(Path("audit").glob("*.html"))):
        parser = Tags()
        parser.feed(page.read_text(encoding="utf-8"))
        assert [found for found in parser.found if "onerror" in found[1] or found[1].get("src") == "x"] == []
        assert "{{ 7 * 7 }}" in page.read_text(encoding="utf-8")


def test_images_and_pictures_stay_in_the_folders_that_they_are_for(tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if "runs" not in path.parts}
    main([*COMMANDS["predict"], "--sort_into", "sorted", "--explain", "explained"])
    made = {path for path in tmp_path.rglob("*") if "runs" not in path.parts} - before
    assert {path.relative_to(tmp_path).parts[0] for path in made} == {"p.csv", "sorted", "explained"}
    assert len(list(Path("sorted").glob("*/*.png"))) == len(NAMES) ** 2


def test_a_table_holds_the_names_as_they_are() -> None:
    """Not changed for the sake of spreadsheets: paths are there to find files, and programs read them."""
    main(COMMANDS["predict"])
    with Path("p.csv").open(newline="", encoding="utf-8") as file:
        paths = {row["path"] for row in csv.DictReader(file)}
    assert paths == {str(path) for path in Path("images").rglob("*.png")}


def test_metrics_and_configs_read_back() -> None:
    (metrics,) = Path("runs").rglob("metrics.json")
    assert "test_acc" in json.loads(metrics.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_command_to_copy_is_one_word_per_word(name: str) -> None:
    words = ["test", "--ckpt_path", name]
    assert shlex.split(shell_command(words, words))[-3:] == words


@pytest.mark.parametrize("name", NAMES)
def test_what_is_printable_gives_the_name_back(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    if "\\" not in name:
        assert re.sub(r"\\(?:x..|u....|[nrt])", lambda code: code[0].encode().decode("unicode_escape"), shown) == name


def test_bytes_that_are_no_text_are_shown() -> None:
    assert printable("a\udcffb") == r"a\udcffb"
    assert printable("Äpfel 日本") == "Äpfel 日本"
    assert printable("one\ntwo", keep="\n") == "one\ntwo"
