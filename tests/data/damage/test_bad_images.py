"""What becomes of images that cannot be read: `data.on_bad_image`."""

import csv
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.data import damages
from tests.data.damages import DAMAGES, Damage

from litclassify.data import ImageFolder, ImageTable, ImageTensorDataset
from litclassify.data.damage.bad_images import BadImages
from litclassify.data.decoding.decode import UnreadableImageError, Window, decode_image, decode_window
from litclassify.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:Images cannot be read")
CACHES = ["ram", "disk", "auto", None]
MakeFolder = Callable[[dict[str, int]], str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """12 images of each of two classes for training, 4 for validation and 4 for the test; bees are brighter."""
    for split, count in (("train", 12), ("val", 4), ("test", 4)):
        for label, base in (("ant", 20), ("bee", 160)):
            folder = tmp_path / "root" / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (16, 16), (base + 3 * i,) * 3).save(folder / f"{i:02}.jpg", quality=100)
    return tmp_path / "root"


def folder(root: Path, **kwargs) -> ImageFolder:
    arguments = {"image_size": 16, "batch_size": 5, "num_workers": 0, "on_bad_image": "skip", "max_bad_share": 0.5}
    data = ImageFolder(str(root), **arguments | {"train_transform": []} | kwargs)
    if data.on_bad_image != "error":
        data.bad_images.list_in("bad_images.csv")
    return data


def listed(file: str = "bad_images.csv") -> list[tuple[str, str]]:
    with open(file, encoding="utf-8", errors="surrogateescape", newline="") as lines:
        return [(row["split"], row["path"]) for row in csv.DictReader(lines)]


def epoch(data: ImageFolder) -> list[torch.Tensor]:
    """The training images of an epoch, by batches."""
    data.setup("fit")
    return [images for images, _ in data.train_dataloader()]


def is_bee(images: torch.Tensor) -> torch.Tensor:
    return (images[:, 0, 0, 0] > 100).long()


@pytest.mark.parametrize("num_channels", [1, 3])
@pytest.mark.parametrize("decoder", ["Pillow", "simplejpeg"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_unreadable(
    damage: Damage, decoder: str, num_channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if decoder == "Pillow":
        monkeypatch.setattr("litclassify.data.decoding.plain_jpeg.simplejpeg", None)
    path = tmp_path / "image.jpg"
    Image.effect_noise((64, 48), 80).convert("RGB").save(path)
    damage(path)
    with pytest.raises(UnreadableImageError, match=r"Cannot read '.*image\.jpg' as an image: ") as caught:
        decode_image(str(path), num_channels)
    assert caught.value.reason
    with pytest.raises(UnreadableImageError):
        decode_window(str(path), num_channels, lambda h, w: Window(0, 0, h, w, (8, 8)))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkdir, "Is a directory."),
        (lambda path: None, "No such file or directory."),
        (lambda path: os.symlink("/dev/zero", path), "It is not a regular file."),
    ],
)
def test_what_is_no_file_has_a_reason(make: Callable[[str], None], reason: str) -> None:
    make("image.jpg")
    with pytest.raises(UnreadableImageError) as caught:
        decode_image("image.jpg", 3)
    assert caught.value.reason == reason


def test_an_endless_file_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "image.jpg", "wb") as file:
        file.write(b"\xff\xd8")
        file.truncate(1 << 40)  # Sparse: it takes no room.
    with pytest.raises(UnreadableImageError, match="larger than 2 GiB"):
        decode_image(str(tmp_path / "image.jpg"), 3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_has_a_reason(make_image) -> None:
    path = make_image("image.png")
    os.chmod(path, 0)
    with pytest.raises(UnreadableImageError, match="Permission denied"):
        decode_image(path, 3)


@pytest.mark.parametrize("cache", CACHES)
def test_by_default_the_first_one_ends_the_command(root: Path, cache: str | None) -> None:
    damages.text(root / "train/ant/03.jpg")
    data = folder(root, cache=cache, on_bad_image="error", max_bad_share=None)
    with pytest.raises(UserError, match=r"Cannot read '.*03\.jpg' as an image: The file is not an image"):
        epoch(data)
    assert not Path("bad_images.csv").exists()


@pytest.mark.parametrize("cache", CACHES)
def test_in_training_another_image_of_the_class_takes_its_place(root: Path, cache: str | None) -> None:
    for i, damage in enumerate(DAMAGES[:10]):
        damage(root / "train" / ("ant" if i % 2 else "bee") / f"{i + 2:02}.jpg")
    damages.empty(root / "train/ant/01.jpg")
    data = folder(root, cache=cache)
    data.setup("fit")
    batches = list(data.train_dataloader())
    assert [len(images) for images, _ in batches] == [5, 5, 5, 5, 4]
    images, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert torch.equal(is_bee(images), targets)
    assert targets.bincount().tolist() == [12, 12]
    assert len(listed()) == len(set(listed())) == 11
    assert data.bad_images.summary() == "11 of 24 images of train cannot be read. The list is 'bad_images.csv'."


@pytest.mark.parametrize("cache", CACHES)
def test_it_is_the_next_of_the_class_and_round_to_the_first(root: Path, cache: str | None) -> None:
    for name in ("03", "04", "11"):
        damages.truncated(root / f"train/ant/{name}.jpg")
    data = folder(root, cache=cache)
    data.setup("fit")
    dataset = data._dataset("train")
    for bad, good in ((3, 5), (4, 5), (11, 0)):
        assert torch.equal(dataset[bad][0], dataset[good][0])


@pytest.mark.parametrize("cache", CACHES)
def test_an_evaluation_leaves_it_out(root: Path, cache: str | None) -> None:
    damages.named_pipe(root / "val/bee/00.jpg")
    damages.web_page(root / "test/ant/03.jpg")
    data = folder(root, cache=cache)
    data.setup("fit")
    data.setup("test")
    for loader, name, counts in (
        (data.val_dataloader(), "bee/00.jpg", [4, 3]),
        (data.test_dataloader(), "ant/03.jpg", [3, 4]),
    ):
        targets = torch.cat([targets for _, targets in loader])
        assert targets.bincount().tolist() == counts
        assert len(loader.dataset.paths) == 7
        assert not any(path.endswith(name) for path in loader.dataset.paths)
    assert set(listed()) == {("val", "val/bee/00.jpg"), ("test", "test/ant/03.jpg")}


def test_the_cache_in_memory_stays_one_tensor(root: Path) -> None:
    damages.zeros(root / "train/ant/03.jpg")
    damages.zeros(root / "val/ant/00.jpg")
    data = folder(root, cache="auto")
    data.setup("fit")
    assert all(isinstance(data._dataset(split), ImageTensorDataset) for split in ("train", "val"))
    assert is_bee(torch.cat([images for images, _ in data.val_dataloader()])).tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_batches_are_the_same_for_any_number_of_workers_and_listed_once(root: Path) -> None:
    for i in range(0, 12, 2):
        damages.text(root / f"train/ant/{i:02}.jpg")

    def images(num_workers: int) -> torch.Tensor:
        return torch.cat(epoch(folder(root, cache=None, num_workers=num_workers, train_transform=None)))

    alone, first = images(0), listed()
    Path("bad_images.csv").unlink()
    assert torch.equal(alone, images(2))
    assert sorted(first) == sorted(listed())
    assert len(first) == len(set(first)) == 6


@pytest.mark.parametrize("alter", [Path.unlink, damages.truncated, damages.web_page])
def test_a_training_image_that_is_lost_during_the_run_is_replaced(root: Path, alter: Damage) -> None:
    data = folder(root, cache=None)
    epoch(data)
    assert not Path("bad_images.csv").exists()
    alter(root / "train/ant/03.jpg")
    alter(root / "val/ant/00.jpg")
    with pytest.warns(UserWarning, match=r"Images cannot be read, first '(train|val)/ant/0"):
        batches = [*data.train_dataloader(), *data.val_dataloader()]
    assert sum(len(images) for images, _ in batches) == 24 + 8
    assert listed() == [("train", "train/ant/03.jpg"), ("val", "val/ant/00.jpg")]


def test_a_test_image_that_is_lost_during_the_run_ends_it(root: Path) -> None:
    data = folder(root, cache=None)
    data.setup("test")
    damages.empty(root / "test/ant/03.jpg")
    with pytest.raises(UserError, match="The file is empty"):
        list(data.test_dataloader())


@pytest.mark.parametrize(
    ("cache", "num_workers"),
    # It takes 5 seconds until torch gives up waiting for a worker.
    [*((cache, 0) for cache in CACHES), pytest.param(None, 1, marks=pytest.mark.slow)],
)
def test_too_many_end_the_command(root: Path, cache: str | None, num_workers: int) -> None:
    for i in range(4):
        damages.empty(root / f"train/ant/{i:02}.jpg")
    data = folder(root, cache=cache, max_bad_share=0.15, num_workers=num_workers)
    with pytest.raises(
        UserError, match=r"data\.max_bad_share=0\.15: 4 of 24 images of train cannot be read, first 'tr"
    ):
        epoch(data)
    assert len(listed()) == 4


@pytest.mark.parametrize("cache", ["ram", None])
def test_a_class_of_which_nothing_can_be_read_is_named(root: Path, cache: str | None) -> None:
    for path in (root / "train/ant").iterdir():
        damages.empty(path)
    data = folder(root, cache=cache, max_bad_share=1.0)
    with pytest.raises(UserError, match=r"None of the images of train that have the class of '.*train/ant/"):
        epoch(data)


def test_an_evaluation_without_an_image_is_refused(root: Path) -> None:
    for path in (root / "val").glob("*/*"):
        damages.empty(path)
    with pytest.raises(UserError, match="None of the images of val can be read"):
        folder(root, cache=None, max_bad_share=1.0).setup("fit")


@pytest.mark.parametrize("policy", ["skip", "error"])
def test_the_cache_on_disk_is_made_anew_when_what_it_lacks_is_wanted(root: Path, policy: str) -> None:
    path = root / "train/ant/03.jpg"
    content, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=times)
    folder(root, cache="disk").setup("fit")
    strict = folder(root, cache="disk", on_bad_image="error", max_bad_share=None)
    with pytest.raises(UserError, match=r"Cannot read '.*03\.jpg'"):
        strict.setup("fit")
    path.write_bytes(content)
    os.utime(path, ns=times)
    data = folder(root, cache="disk", on_bad_image=policy, max_bad_share=None)
    data.setup("fit")
    assert data._dataset("train").read(3)[0, 0, 0] == 20 + 3 * 3


@pytest.mark.parametrize("cache", CACHES)
def test_a_report_names_all_before_training(root: Path, cache: str | None) -> None:
    bad = {"train/ant/03.jpg", "train/bee/05.jpg", "val/ant/01.jpg", "test/bee/02.jpg"}
    for name, damage in zip(sorted(bad), DAMAGES, strict=False):
        damage(root / name)
    data = folder(root, cache=cache, on_bad_image="report", max_bad_share=None)
    with pytest.raises(UserError) as caught:
        data.setup("fit")
    message = str(caught.value)
    assert "1 of 8 images of test" in message
    assert "test/bee/02.jpg: " in message
    assert "--data.exclude bad_images.csv" in message
    assert {path for _, path in listed()} == bad
    left = folder(root, cache=cache, on_bad_image="report", max_bad_share=None, exclude="bad_images.csv")
    left.setup("fit")
    assert len(left._dataset("train")) == 22


def test_a_report_beside_a_list_says_to_add_to_it(root: Path) -> None:
    damages.empty(root / "train/ant/03.jpg")
    Path("my list.txt").write_text("train/bee/05.jpg\n")
    data = folder(root, on_bad_image="report", max_bad_share=None, exclude="my list.txt")
    data.bad_images.list_in("bad_images.csv")
    with pytest.raises(UserError) as caught:
        data.setup("fit")
    message = str(caught.value)
    assert "The list is 'bad_images.csv'." in message
    assert message.endswith("Repair or remove them, or add their paths to 'my list.txt', which data.exclude names.")


def test_a_report_shows_the_first_few(root: Path) -> None:
    for path in (root / "train/ant").iterdir():
        damages.empty(path)
    with pytest.raises(UserError, match="… 7 more") as caught:
        folder(root, on_bad_image="report", max_bad_share=None).setup("fit")
    assert len(str(caught.value).splitlines()) <= 10


def test_prediction_on_files_reports_nothing_and_needs_no_root(root: Path) -> None:
    data = folder(root / "gone", on_bad_image="report", max_bad_share=None, path=str(root / "test"))
    data.setup("predict")
    assert len(data.predict_dataset) == 8


NAMES = [
    b"caf\xe9.jpg",
    b"two\nlines.jpg",
    b'com,ma "quoted".jpg',
    "ünï 猫.jpg".encode(),
    b"  spaces .jpg",
    b"[red].jpg",
]


def test_names_of_any_bytes_are_listed_and_can_be_excluded(root: Path) -> None:
    for name in NAMES:
        with open(os.path.join(os.fsencode(root), b"train/ant", name), "wb") as file:
            file.write(b"no image")
    data = folder(root, cache=None)
    epoch(data)
    assert {os.fsencode(path) for _, path in listed()} == {b"train/ant/" + name for name in NAMES}
    left = folder(root, exclude="bad_images.csv").samples["train"].paths
    assert len(left) == 24


def test_rows_of_a_table_without_a_file_are_bad_images(make_folder: MakeFolder) -> None:
    root = Path(make_folder({"images": 12}))
    rows = "".join(f"images/{i}.png,{'ab'[i % 2]},{'train' if i < 8 else 'val'}\n" for i in range(12))
    (root / "table.csv").write_text(f"path,label,split\n{rows}")
    (root / "images/3.png").unlink()
    (root / "images/9.png").unlink()
    (root / "images/9.png").mkdir()
    arguments = {"num_workers": 0, "image_size": 8}
    with pytest.raises(UserError, match="2 of 12 files do not exist"):
        ImageTable(str(root / "table.csv"), **arguments).setup("fit")
    data = ImageTable(str(root / "table.csv"), on_bad_image="skip", max_bad_share=0.5, **arguments)
    data.bad_images.list_in("bad_images.csv")
    epoch(data)
    assert set(listed()) == {("train", "images/3.png"), ("val", "images/9.png")}
    left = ImageTable(str(root / "table.csv"), exclude="bad_images.csv", **arguments)
    with pytest.warns(UserWarning, match="lists 1 of 2 paths"):
        samples = left.samples
    assert len(samples["train"].paths) == 7


def test_a_stand_in_of_several_labels_brings_its_own(make_folder: MakeFolder) -> None:
    root = Path(make_folder({"images": 6}))
    labels = ["a", "a;b", "b", "a", "", "b"]
    rows = "".join(f"images/{i}.png,{label},train\n" for i, label in enumerate(labels))
    (root / "table.csv").write_text(f"path,label,split\n{rows}")
    for i in (1, 3):
        damages.empty(root / f"images/{i}.png")
    data = ImageTable(
        str(root / "table.csv"), label_separator=";", image_size=8, cache=None, on_bad_image="skip", max_bad_share=1.0
    )
    data.bad_images.list_in("bad_images.csv")
    data.samples = {"train": data._read_labels().training}
    dataset = data._dataset("train")
    _, targets = dataset.__getitems__(list(range(6)))
    assert targets.int().tolist() == [[1, 0], [0, 1], [0, 1], [1, 0], [0, 0], [0, 1]]


def test_without_a_run_it_is_said_that_nothing_is_listed(root: Path) -> None:
    damages.empty(root / "train/ant/03.jpg")
    data = ImageFolder(str(root), image_size=16, on_bad_image="skip", num_workers=0)
    with pytest.warns(UserWarning, match="listed nowhere: there is no directory of a run"):
        data.setup("fit")


@pytest.mark.parametrize("policy", ["error", "report"])
def test_a_share_without_effect_is_said(policy: str) -> None:
    with pytest.warns(UserWarning, match=r"data\.max_bad_share=0\.2 has no effect unless data\.on_bad_image is skip"):
        ImageFolder("x", on_bad_image=policy, max_bad_share=0.2)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_from_0_to_1(share: float) -> None:
    with pytest.raises(UserError, match=rf"data\.max_bad_share must be in \[0, 1\], got {share}"):
        ImageFolder("x", on_bad_image="skip", max_bad_share=share)


def add_at_once(barrier, folder: str, names: list[str]) -> None:
    bad_images = BadImages(folder, 1.0)
    bad_images.list_in("bad_images.csv")
    bad_images.expect("train", names)
    barrier.wait()
    for name in names:
        bad_images.record("train", {name: "no image"})
    assert bad_images.summary().startswith("200 of 200")


def test_of_processes_that_list_the_same_at_once_each_row_is_whole_and_there_once() -> None:
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(4)
    names = [f"{i}\n,.jpg" for i in range(200)]
    shifted = [names[50 * k :] + names[: 50 * k] for k in range(4)]
    processes = [fork.Process(target=add_at_once, args=(barrier, ".", order)) for order in shifted]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    assert sorted(listed()) == sorted(("train", name) for name in names)


def test_a_later_command_goes_on_with_the_list_without_what_is_repaired(root: Path) -> None:
    paths = [root / f"train/ant/{i:02}.jpg" for i in (1, 2)]
    content = paths[0].read_bytes()
    for path in paths:
        damages.empty(path)
    folder(root, cache="ram").setup("fit")
    paths[0].write_bytes(content)
    data = folder(root, cache="ram")
    assert listed() == [("train", "train/ant/02.jpg")]
    data.setup("fit")
    assert listed() == [("train", "train/ant/02.jpg")]
    assert data.bad_images.summary().startswith("1 of 24 images of train")


def test_a_list_that_cannot_be_written_ends_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args) -> None:
        raise OSError(28, "No space left on device", "bad_images.csv")

    monkeypatch.setattr("litclassify.data.damage.shared_table.SharedTable.append", full)
    damages.empty(root / "train/ant/03.jpg")
    data = folder(root, cache="ram")
    with pytest.warns(UserWarning, match=r"listed no longer: bad_images\.csv: No space left on device"):
        data.setup("fit")
    assert data.bad_images.summary() == "1 of 24 images of train cannot be read."
