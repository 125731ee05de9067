"""`predict --explain`: which pictures are written, and what is refused."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lightning.pytorch.strategies import FSDPStrategy
from PIL import Image
from tests.cli.image_predictions import FOLDER, PREDICT
from tests.conftest import SMALL

from litclassify.callbacks import PredictionExplainer
from litclassify.cli import main
from litclassify.errors import UserError
from litclassify.models import ImageClassifier


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with images of two classes, a run on them, and a run of an MLP in `digits`."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for label, base in (("bright", 200), ("dark/er", 20)):
            Path("images", label.replace("/", "_")).mkdir(parents=True)
            for i in range(6):
                image = Image.new("RGB", (16, 16), (base + i, base, base + 2 * i))
                image.putpixel((i, i), (255 - base, 0, 0))
                image.save(f"images/{label.replace('/', '_')}/{i:02}.png")
        main(["fit", *SMALL, *FOLDER, "--data.batch_size", "4"])
        main(["fit", *SMALL, "--runs_dir", "digits"])
    return folder


@pytest.fixture(autouse=True)
def _here(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)


def rows(path: str) -> list[list[str]]:
    return [line.split(",") for line in Path(path).read_text().splitlines()[1:]]


def test_each_image_that_can_be_read_has_a_picture_of_its_own() -> None:
    Path("images/bright/03.png").write_bytes(b"broken")
    main([*PREDICT, "--data.path", "images", "--output", "p.csv", "--explain", "seen/here"])
    expected = [
        f"{i:06d}_{Path(path).stem}_{label}_{float(confidence):.2f}.png"
        for i, (path, label, confidence, *_) in enumerate(rows("p.csv"))
        if label
    ]
    assert len(expected) == 11
    assert sorted(path.name for path in Path("seen/here").iterdir()) == expected
    picture = np.asarray(Image.open(Path("seen/here", expected[0])))
    assert picture.shape == (224, 224 + 8 + 224, 3)
    original = np.asarray(Image.open("images/bright/00.png"))
    assert np.array_equal(picture[::14, :224:14], original)


def test_another_class_is_explained_with_its_probability() -> None:
    main([*PREDICT, "--data.path", "images", "--output", "p.csv", "--explain", "seen", "--explain_class", "dark_er"])
    names = sorted(path.name for path in Path("seen").iterdir())
    confidences = [float(row[2]) if row[1] == "dark_er" else 1 - float(row[2]) for row in rows("p.csv")]
    assert names == [f"{i:06d}_{i % 6:02}_dark_er_{confidence:.2f}.png" for i, confidence in enumerate(confidences)]


def test_an_interrupted_prediction_goes_on_with_its_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*PREDICT, "--data.path", "images", "--output", "p.csv", "--explain"]
    main([*words, "at_once"])
    predict_step = ImageClassifier.predict_step

    def step(self: ImageClassifier, batch: object, batch_idx: int) -> object:
        if batch_idx == 2:
            raise RuntimeError("interrupted")
        return predict_step(self, batch, batch_idx)

    monkeypatch.setattr(ImageClassifier, "predict_step", step)
    with pytest.raises(RuntimeError, match="interrupted"):
        main([*words, "seen"])
    monkeypatch.setattr(ImageClassifier, "predict_step", predict_step)
    assert len(list(Path("seen").iterdir())) == 8
    main([*words, "seen"])
    for path in Path("at_once").iterdir():
        assert Path("seen", path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--explain", "seen", "--explain_class", "brihgt"], "none of the classes: bright, dark_er. Did you mean 'bri"),
        (["--explain_class", "bright"], "--explain_class has no effect without --explain DIR."),
        (["--explain", "images/bright/00.png"], "--explain 'images/bright/00.png' cannot be written: File exists."),
        (["--explain", "/proc/seen"], "--explain '/proc/seen' cannot be written: "),
        (
            ["--explain", "seen", "--runs_dir", "digits"],
            "The network has no map of features that could explain where it looks",
        ),
    ],
)
def test_mistakes_are_named_and_leave_no_table(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(Path().iterdir())
    with pytest.raises(SystemExit) as stop:
        main([*PREDICT, "--output", "p.csv", *words])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error[error.index("error: ") :].splitlines()) == 1
    assert {path.name for path in set(Path().iterdir()) - before} <= {"seen"}


def test_names_are_safe_and_not_too_long(tmp_path: Path) -> None:
    names = ["../" * 60, "é" * 200]
    explainer = PredictionExplainer(tmp_path, names)
    assert explainer.class_names == names
    from litclassify.callbacks.predicting.prediction_explainer import _short  # noqa: PLC0415

    for name in [*names, "x" * 300, "😀" * 300]:
        assert len(_short(name).encode()) <= 100
        assert "/" not in _short(name)


def test_a_divided_network_is_refused(tmp_path: Path) -> None:
    sharded: Any = SimpleNamespace(strategy=FSDPStrategy())
    with pytest.raises(UserError, match="needs the whole network, and FSDPStrategy divides it"):
        PredictionExplainer(tmp_path / "seen", ["a", "b"]).setup(sharded, None, "predict")  # type: ignore[arg-type]
    assert not (tmp_path / "seen").exists()


def test_a_class_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is none of the classes: a, b"):
        PredictionExplainer(tmp_path, ["a", "b"], "c")
