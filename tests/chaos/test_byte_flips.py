"""Checkpoints and caches of which a byte has changed, or that have lost their end."""

import random
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.chaos.comparison import differences
from tests.chaos.processes import Training
from tests.chaos.trainings import trained
from tests.conftest import SMALL

from litclassify.cli.checkpoints.path import resolve_checkpoint
from litclassify.data.datasets.image_cache import cache_on_disk
from litclassify.data.datasets.packed_images import DIGEST_BYTES, ROW_BYTES
from litclassify.data.listing.find_images import find_images
from litclassify.files.seals import COMMENT_BYTES, LAST_RECORD_BYTES

FLIPS = 100
CUTS = 20
WORDS = [*SMALL, "--trainer.max_epochs", "3"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has come to its end."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder / trained("run", WORDS)


@pytest.fixture
def run(whole: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, Path("runs", *whole.parts[-2:])))


def flip(file: Path, place: int, change: int) -> None:
    with file.open("r+b") as content:
        content.seek(place)
        (byte,) = content.read(1)
        content.seek(place)
        content.write(bytes([byte ^ change]))


def resolved(run: Path) -> tuple[Path, str]:
    """Give the checkpoint to go on from, and what is said about it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        return resolve_checkpoint(f"{run}/last", Path("runs")), " ".join(str(warning.message) for warning in said)


def broken_up(last: Path) -> Path:
    """Give `last.ckpt` as a file of its own, which shares no bytes with other names of it."""
    content = last.read_bytes()
    last.unlink()
    last.write_bytes(content)
    return last


def assert_falls_back(run: Path) -> None:
    path, said = resolved(run)
    assert path == run / "checkpoints" / "previous.ckpt"
    assert f"'{run}/checkpoints/last.ckpt' is damaged. The checkpoint before it is taken: '{path}'" in said


def test_every_flipped_byte_is_found_and_the_checkpoint_before_is_taken(run: Path) -> None:
    last = broken_up(run / "checkpoints" / "last.ckpt")
    assert resolved(run) == (last, "")
    size = last.stat().st_size
    chance = random.Random(0)
    places = [chance.randrange(size) for _ in range(FLIPS)]
    places += range(size - COMMENT_BYTES - LAST_RECORD_BYTES, size)  # All of what the check itself goes by.
    for place in places:
        change = chance.randrange(1, 256)
        flip(last, place, change)
        assert_falls_back(run)
        flip(last, place, change)
    assert resolved(run) == (last, "")


def test_a_checkpoint_that_was_cut_off_is_found(run: Path) -> None:
    last = broken_up(run / "checkpoints" / "last.ckpt")
    content = last.read_bytes()
    chance = random.Random(0)
    sizes = [chance.randrange(len(content)) for _ in range(CUTS)]
    sizes += range(len(content) - COMMENT_BYTES - LAST_RECORD_BYTES, len(content))
    for size in [0, 1, *sizes]:
        last.write_bytes(content[:size])
        assert_falls_back(run)


def test_a_folder_in_place_of_the_checkpoint_is_found(run: Path) -> None:
    last = run / "checkpoints" / "last.ckpt"
    last.unlink()
    last.mkdir()
    assert_falls_back(run)


def test_a_flipped_byte_in_what_describes_cached_images_has_them_written_anew(class_folders: Path) -> None:
    paths = [str(path) for path in find_images(str(class_folders))]
    file = Path("cache/rgb_16.images")
    cache = partial(cache_on_disk, str(class_folders), paths, 3, 16, "cache")
    cache()
    content = file.read_bytes()
    chance = random.Random(0)
    for place in chance.sample(range(DIGEST_BYTES + ROW_BYTES * len(paths)), FLIPS):
        flip(file, place, chance.randrange(1, 256))
        cache()
        assert file.read_bytes() == content


def flipped(last: Path) -> None:
    flip(last, last.stat().st_size // 2, 1)


def cut(last: Path) -> None:
    last.write_bytes(last.read_bytes()[:1000])


def emptied(last: Path) -> None:
    last.write_bytes(b"")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [flipped, cut, emptied])
@pytest.mark.parametrize("words", [["--resume", "auto", "--run_name", "run"], ["--ckpt_path", "{run}/last"]])
def test_the_command_goes_on_from_the_checkpoint_before(
    whole: Path, run: Path, damage: Callable[[Path], None], words: list[str]
) -> None:
    (run / "finished").unlink()
    damage(broken_up(run / "checkpoints" / "last.ckpt"))
    resumed = Training(["fit", *WORDS, *(word.format(run=run) for word in words)], Path("resumed.txt"))
    assert resumed.wait() == 0, resumed.printed()
    assert "is damaged. The checkpoint before it is taken" in resumed.printed()
    # Only names of files may differ: what was written after that checkpoint is still there, and keeps its own.
    assert [name for name in differences(whole, run) if "ModelCheckpoint" not in name] == []
