"""Words that lack their flag."""

from pathlib import Path

import pytest
from tests.cli.conftest import Mistake

from litclassify.cli.parsing.stray_words import flag_for


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    for folder in ("photos", "run/checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("recipe.yaml", "last.ckpt", "my table.csv", "a.jpg", "list.txt", "notes.md"):
        (tmp_path / file).touch()
    (tmp_path / "fragment.yaml").write_text("accelerator: cpu\ndevices: 1\n")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("recipe.yaml", "--config recipe.yaml?"),
        ("fragment.yaml", "--trainer fragment.yaml?"),
        ("photos", "--data ImageFolder --data.root photos or, to predict, --data.path photos?"),
        ("run", "--ckpt_path run?"),
        ("last.ckpt", "--ckpt_path last.ckpt?"),
        ("best", "--ckpt_path best?"),
        ("my table.csv", "--data ImageTable --data.table 'my table.csv'?"),
        ("a.jpg", "--data.path a.jpg?"),
        ("list.txt", "--data.path list.txt?"),
    ],
)
def test_the_flag_goes_by_what_is_on_disk(word: str, said: str) -> None:
    assert flag_for(word) == f" Did you mean {said}"


@pytest.mark.parametrize("word", ["", "notes.md", "missing.yaml", "--config"])
def test_what_no_flag_takes_has_none(word: str) -> None:
    assert flag_for(word) == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fit", "fragment.yaml"], "'fragment.yaml'. Did you mean --trainer fragment.yaml?"),
        (["fit", "recipe.yaml"], "'recipe.yaml'. Did you mean --config recipe.yaml?"),
        (["fit", "recipe.yaml", "photos"], "'recipe.yaml'. Did you mean --config recipe.yaml?"),
        (["audit", "photos"], "'photos'. Did you mean --data ImageFolder --data.root photos"),
        (["fit", "my table.csv"], "'my table.csv'. Did you mean --data ImageTable --data.table"),
        (["fit", "epochs"], "'epochs'. Did you mean 'trainer.max_epochs'?"),
    ],
)
def test_fit_and_audit_name_it(words: list[str], said: str, mistake: Mistake) -> None:
    assert mistake(*words).startswith(f"error: There is no argument {said}")


def test_a_run_without_its_flag_is_told(mistake: Mistake) -> None:
    assert mistake("test", "run").endswith("best or last. Did you mean --ckpt_path run?")
