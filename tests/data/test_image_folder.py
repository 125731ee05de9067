import os

import pytest
import torch
from torchvision.transforms import v2

from litclassify.data import ImageFolder
from litclassify.data.splitting.held_out import digest
from litclassify.errors import UserError

ONE_FOLDER = {"cat": 20, "dog": 30}
TRAIN_ONLY = {"train/cat": 20, "train/dog": 30}
ALL = TRAIN_ONLY | {"val/cat": 3, "test/dog": 4}


def sizes(data: ImageFolder, splits: tuple[str, ...] = ("train", "val", "test")) -> list[int]:
    return [len(data._dataset(split)) for split in splits]


@pytest.mark.parametrize(
    ("counts", "kwargs", "expected"),
    [
        (ONE_FOLDER, {}, [40, 5, 5]),
        (ONE_FOLDER, {"val_split": 10, "test_split": 0.4}, [20, 10, 20]),
        (TRAIN_ONLY, {"test_split": 7}, [38, 5, 7]),
        (TRAIN_ONLY | {"val/dog": 3}, {"test_split": 0.2}, [40, 3, 10]),
        (TRAIN_ONLY | {"test/dog": 4}, {}, [45, 5, 4]),
        (ALL, {}, [50, 3, 4]),
    ],
)
def test_folders_are_used_and_missing_parts_drawn(make_folder, counts, kwargs, expected):
    assert sizes(ImageFolder(make_folder(counts), **kwargs)) == expected


def test_root_may_be_in_the_home_folder(make_folder, monkeypatch, tmp_path):
    make_folder({"a": 5, "b": 5})
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ImageFolder("~/root").class_counts == [4, 4]


@pytest.mark.parametrize("end", ["/", "//"])
def test_a_separator_after_root_changes_neither_paths_nor_what_is_known_of_a_draw(make_folder, end):
    root = make_folder(ONE_FOLDER)
    data, same = ImageFolder(root), ImageFolder(f"{root}{end}")
    assert (same.folder, same._all_paths) == (data.folder, data._all_paths)
    assert same.state_dict() == data.state_dict()
    assert same.state_dict()["drawn"]["val"] == digest([path.removeprefix(root) for path in data.samples["val"].paths])


def test_root_may_be_that_of_the_disk():
    assert ImageFolder("/").folder == "/"


@pytest.mark.parametrize("counts", [{"training/cat": 20, "training/dog": 30, "Valid/cat": 3, "testing/dog": 4}])
def test_splits_under_other_names_keep_their_paths(make_folder, counts, tmp_path):
    root = make_folder(counts)
    (tmp_path / "exclude.txt").write_text("Valid/cat/0.png\ntraining/cat/3.png\n")
    data = ImageFolder(root, exclude=str(tmp_path / "exclude.txt"))
    assert sizes(data) == [49, 2, 4]
    assert data.class_names == ["cat", "dog"]
    assert data.samples["val"].paths == [os.path.join(root, "Valid", "cat", name) for name in ("1.png", "2.png")]


def test_a_folder_that_is_used_for_nothing_is_named(make_folder):
    data = ImageFolder(make_folder(TRAIN_ONLY | {"holdout/cat": 1}))
    with pytest.warns(UserWarning, match=r"data\.root='.*': 'holdout' beside train/ is used for nothing"):
        assert sizes(data, ("train", "val")) == [45, 5]


@pytest.mark.parametrize("counts", [ONE_FOLDER, ALL])
def test_no_file_is_in_two_parts_and_targets_follow_the_folder(make_folder, counts):
    data = ImageFolder(make_folder(counts))
    datasets = [data._dataset(split) for split in ("train", "val", "test")]
    paths = [path for dataset in datasets for path in dataset.paths]
    assert len(set(paths)) == len(paths) == sum(counts.values())
    for dataset in datasets:
        folders = [os.path.basename(os.path.dirname(path)) for path in dataset.paths]
        assert [data.class_names[target] for target in dataset.targets] == folders


def test_train_layout_has_no_test_set_unless_asked_for(make_folder):
    with pytest.raises(UserError, match=r"no test set: data\.root='.*' .* set data\.test_split"):
        ImageFolder(make_folder(TRAIN_ONLY)).setup("test")


def test_messages_name_the_folder_as_it_is(make_folder):
    with pytest.raises(UserError, match=r"has training/ but no test/"):
        ImageFolder(make_folder({"training/cat": 20, "training/dog": 30})).setup("test")


@pytest.mark.parametrize("split", ["val", "test"])
def test_split_that_a_folder_overrules_warns(make_folder, split):
    data = ImageFolder(make_folder(ALL), **{f"{split}_split": 0.5})
    with pytest.warns(UserWarning, match=rf"data\.{split}_split=0\.5 has no effect"):
        assert sizes(data) == [50, 3, 4]


def test_folders_are_scanned_once(make_folder, monkeypatch):
    data = ImageFolder(make_folder(ONE_FOLDER))
    assert data.class_names == ["cat", "dog"]
    data.setup("fit")
    monkeypatch.setattr("litclassify.data.listing.class_folders.scan_class_folders", None)
    data.setup("test")
    assert data.class_names == ["cat", "dog"]


def test_prediction_on_files_needs_no_root(make_image):
    data = ImageFolder("nowhere", path=make_image("photo.jpg", size=(300, 200)), num_workers=0)
    data.setup("predict")
    images, targets = next(iter(data.predict_dataloader()))
    assert images.shape == (1, *data.image_shape) == (1, 3, 224, 224)
    assert targets.tolist() == [-1]


@pytest.mark.parametrize("image_size", [64, 65, (48, 96), (64, 6), 3])
@pytest.mark.parametrize("grayscale", [False, True])
def test_default_transforms_give_image_size(make_folder, image_size, grayscale):
    data = ImageFolder(make_folder(ONE_FOLDER), image_size=image_size, grayscale=grayscale, num_workers=0)
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    assert data.image_shape == (1 if grayscale else 3, height, width)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        images, _ = next(iter(loader))
        assert images.dtype == torch.uint8
        assert images.shape[1:] == data.image_shape


def ramp(height, width):
    """An image whose first channel is how far down a pixel is, and its second how far to the right, in 255ths."""
    down, right = (torch.linspace(0, 255, steps).round().to(torch.uint8) for steps in (height, width))
    return torch.stack(
        [
            down[:, None].expand(height, width),
            right.expand(height, width),
            torch.zeros(height, width, dtype=torch.uint8),
        ]
    )


@pytest.mark.parametrize("image_size", [(80, 320), (320, 80), (80, 81)])
def test_evaluation_shows_seven_eighths_of_images_of_the_proportions_asked_for(image_size):
    height, width = image_size
    shown = v2.Compose(ImageFolder("x", image_size=image_size).transform_list("val"))(ramp(2 * height, 2 * width))
    assert shown.shape[1:] == image_size
    assert float(shown[0].max() - shown[0].min()) == pytest.approx(0.875 * 255, abs=3)
    assert float(shown[1].max() - shown[1].min()) == pytest.approx(0.875 * 255, abs=3)


@pytest.mark.parametrize("image_size", [(80, 320), (320, 80)])
def test_random_crops_keep_the_proportions_of_objects(image_size):
    height, width = image_size
    crop = ImageFolder("x", image_size=image_size).transform_list("train")[0]
    torch.manual_seed(0)
    stretched = []
    for _ in range(40):
        params = crop.make_params([torch.zeros(3, 4 * height, 4 * width)])
        stretched.append(params["width"] / width / (params["height"] / height))
    assert min(stretched) == pytest.approx(3 / 4, rel=0.1)
    assert max(stretched) == pytest.approx(4 / 3, rel=0.1)


def test_squares_are_cut_as_usual():
    resize, center = ImageFolder("x", image_size=224).transform_list("val")
    crop, _ = ImageFolder("x", image_size=224).transform_list("train")
    assert (type(resize), resize.size) == (v2.Resize, [256])
    assert (type(center), tuple(center.size)) == (v2.CenterCrop, (224, 224))
    usual = v2.RandomResizedCrop((224, 224))
    assert (type(crop), crop.size, crop.ratio, crop.scale) == (type(usual), usual.size, usual.ratio, usual.scale)


def test_small_images_keep_the_whole_object():
    assert not any(isinstance(t, v2.RandomResizedCrop) for t in ImageFolder("x", image_size=64).transform_list("train"))
    assert isinstance(ImageFolder("x", image_size=65).transform_list("train")[0], v2.RandomResizedCrop)


def test_statistics_default_to_imagenet_and_follow_the_channels():
    assert ImageFolder("x").mean == pytest.approx([0.485, 0.456, 0.406])
    assert ImageFolder("x", grayscale=True).std == pytest.approx([0.226])
    assert ImageFolder("x", mean=[0.1, 0.2, 0.3]).mean == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mean": [0.5]}, r"data\.mean needs 3 number"),
        ({"std": [0.5] * 3, "grayscale": True}, r"data\.std needs 1 number"),
        ({"mean": [123.7, 116.3, 103.5]}, r"data\.mean is on the scale \[0, 1\]"),
        ({"std": [0.5, 0.0, 0.5]}, r"data\.std must be positive"),
    ],
)
def test_statistics_that_cannot_be_are_refused(kwargs, message):
    with pytest.raises(UserError, match=message):
        ImageFolder("x", **kwargs)


def test_a_cache_among_the_classes_is_refused(make_folder):
    root = make_folder({"cat": 9, "dog": 9})
    data = ImageFolder(root, cache="disk", cache_dir=f"{root}/cache")
    with pytest.raises(UserError, match=r"data\.cache_dir: '.*/cache' would be taken for a class, .*'.*root/\.cache'"):
        data.class_names  # noqa: B018
    assert not os.path.exists(f"{root}/cache")
    hidden = ImageFolder(root, cache="disk", cache_dir=f"{root}/.cache")
    hidden.setup("fit")
    assert os.listdir(f"{root}/.cache")
    assert ImageFolder(root).class_names == ["cat", "dog"]
