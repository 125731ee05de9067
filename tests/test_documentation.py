"""The documentation: links lead somewhere, and commands and files are taken as they are written."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from litclassify.cli import main
from tests.conftest import CONFIGS, REPOSITORY

PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for folder in (REPOSITORY, REPOSITORY / "docs", REPOSITORY / "benchmarks")
    for path in folder.glob("*.md")
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
# What a page names and then shows: "a complete `mine.py`:".
NAMED_FILE = re.compile(r"`(\w+\.(?:yaml|py))`[^`]*\n\n```(?:yaml|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (REPOSITORY / page).read_text()


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def fits(page: str) -> list[list[str]]:
    """The words of each `fit` that a page shows, without what a shell or a run must be there for."""
    blocks = [block.replace("\\\n", "") for language, block in FENCED.findall(text_of(page)) if language == "bash"]
    lines = [line.split(" > ")[0] for block in blocks for line in block.splitlines()]
    shown = [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("python main.py fit ")]
    return [words for words in shown if "--ckpt_path" not in words and "$" not in "".join(words)]


def exit_code(words: list[str]) -> object:
    try:
        main(words)
    except SystemExit as end:
        return end.code
    return 0


def write_named_files() -> None:
    for page in PAGES:
        for name, content in NAMED_FILE.findall(text_of(page)):
            Path(name).write_text(content)
    shutil.copy(CONFIGS / "digits.yaml", "my.yaml")  # "fit --config configs/digits.yaml --print_config > my.yaml"
    Path("configs").symlink_to(CONFIGS)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    here = REPOSITORY / page
    for target, anchor in LINK.findall(FENCED.sub("", here.read_text())):
        there = here.parent / target if target else here
        assert there.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page}: {target}#{anchor}"


def test_every_guide_is_linked_from_the_readme() -> None:
    linked = {target for target, _ in LINK.findall(text_of("README.md"))}
    assert {page for page in PAGES if page.startswith("docs/")} <= linked


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if fits(page)])
def test_commands_are_taken(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_named_files()
    monkeypatch.syspath_prepend(tmp_path)
    for words in fits(page):
        harmless = words if any("help" in word for word in words) else [*words, "--print_config"]
        assert exit_code(harmless) == 0, f"{shlex.join(words)}\n{capsys.readouterr().err}"
