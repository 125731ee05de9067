"""Cross-validation, against scikit-learn's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from litclassify.data import CIFAR10, Digits, ImageFolder
from litclassify.data.splitting.folds import hold_out_fold, stratified_folds
from litclassify.errors import UserError

TARGETS = np.random.default_rng(0).choice(5, size=503, p=[0.5, 0.25, 0.15, 0.07, 0.03])


@pytest.mark.parametrize("num_folds", [2, 3, 5, 10])
def test_each_sample_is_in_one_fold_and_classes_are_shared_out_as_scikit_learn_does(num_folds: int) -> None:
    folds = stratified_folds(TARGETS, num_folds, seed=1)
    assert sorted(index for fold in folds for index in fold) == list(range(503))
    theirs = [val for _, val in StratifiedKFold(num_folds).split(TARGETS, TARGETS)]
    counts, expected = (
        np.array([np.bincount(TARGETS[fold], minlength=5) for fold in each]) for each in (folds, theirs)
    )
    for each in (counts, expected):
        assert np.ptp(each, axis=0).max() <= 1
        assert np.ptp(each.sum(axis=1)) <= 1
    assert (np.sort(counts, axis=0) == np.sort(expected, axis=0)).all()


def test_folds_depend_on_the_seed_alone() -> None:
    first = stratified_folds(TARGETS, 5, seed=1)
    np.random.seed(5)
    assert stratified_folds(torch.tensor(TARGETS), 5, seed=1) == first
    assert stratified_folds(TARGETS, 5, seed=2) != first


def test_folds_are_the_same_on_every_machine() -> None:
    assert stratified_folds([0, 1] * 4, 2, seed=0) == [[0, 1, 3, 6], [2, 4, 5, 7]]


def test_a_class_smaller_than_the_number_of_folds_is_refused_with_counts() -> None:
    parts = {"train": list(range(2, 12)), "val": [], "test": [0, 1]}
    targets = [0, 0] + [0] * 4 + [1] * 6
    with pytest.raises(UserError, match=r"5 folds need 5 images of every class.*'cats' has 4\. Make it at most 4"):
        hold_out_fold(parts, targets, (0, 5), 0, ["cats", "dogs"])


def test_no_group_is_divided_and_folds_resemble_each_other() -> None:
    rng = np.random.default_rng(3)
    groups = torch.tensor(rng.integers(60, size=503))
    parts = {"train": list(range(503)), "val": [], "test": []}
    names = [str(k) for k in range(5)]
    found = [hold_out_fold(parts, torch.tensor(TARGETS), (i, 5), 1, names, groups)["val"] for i in range(5)]
    assert sorted(index for fold in found for index in fold) == list(range(503))
    of_folds = [set(groups[fold].tolist()) for fold in found]
    assert sum(map(len, of_folds)) == len(set(groups.tolist()))
    splits = StratifiedGroupKFold(5).split(TARGETS, TARGETS, groups)
    theirs = [np.bincount(TARGETS[val], minlength=5) for _, val in splits]
    ours = [np.bincount(TARGETS[fold], minlength=5) for fold in found]
    assert np.std(ours, axis=0).mean() <= 1.5 * np.std(theirs, axis=0).mean()


def test_a_class_that_one_fold_has_alone_is_refused() -> None:
    targets = torch.tensor([0] * 20 + [1] * 20 + [2] * 6)
    groups = torch.tensor([*range(20), *range(20, 40), *[40] * 6])
    parts = {"train": list(range(46)), "val": [], "test": []}
    for number in range(5):  # At the first of them, and not in the middle of a series.
        with pytest.raises(UserError, match=r"all images of c are in one of 5 folds.*in groups of their own"):
            hold_out_fold(parts, targets, (number, 5), 0, ["a", "b", "c"], groups)
    labels = torch.ones(46, 3, dtype=torch.bool)
    labels[:, 1] = torch.arange(46) == 7
    with pytest.raises(UserError, match="all images of b are in one of 5 folds"):
        hold_out_fold(parts, labels, (0, 5), 0, ["a", "b", "c"])
    hold_out_fold(parts, labels[:, [0, 2]], (0, 5), 0, ["a", "c"])


def parts_of(make: Callable[..., object], **arguments: object) -> list[dict[str, set[bytes]]]:
    found = []
    for number in range(3):
        data = make(val_fold=(number, 3), **arguments)
        splits = {split: data._dataset(split) for split in ("train", "val", "test")}
        found.append(
            {name: [data.read(i).numpy().tobytes() for i in range(len(data))] for name, data in splits.items()}
        )
    return found


def cifar(root: Path) -> Callable[..., CIFAR10]:
    rng = np.random.default_rng(0)
    (root / "cifar-10-batches-bin").mkdir()
    for name in (*CIFAR10.train_files, *CIFAR10.test_files):
        rows = rng.integers(0, 256, (20, 3073), dtype=np.uint8)
        rows[:, 0] = np.arange(20) % 10
        rows.tofile(root / "cifar-10-batches-bin" / name)
    return lambda **arguments: CIFAR10(root=str(root), **arguments)


@pytest.mark.parametrize("name", ["digits", "cifar", "folder"])
def test_folds_of_every_data_module_use_each_training_image_once_and_leave_the_test_set(
    name: str, tmp_path: Path, class_folders: Path
) -> None:
    if name == "digits":
        make, plain = Digits, Digits()
    elif name == "cifar":
        make = cifar(tmp_path)
        plain = make(val_split=10)
    else:
        make, plain = (lambda **a: ImageFolder(str(class_folders), image_size=16, **a)), None
        plain = make()
    test = [plain._dataset("test").read(i).numpy().tobytes() for i in range(len(plain._dataset("test")))]
    folds = parts_of(make)
    assert all(fold["test"] == test for fold in folds)
    pools = [sorted(fold["train"] + fold["val"]) for fold in folds]
    assert pools[0] == pools[1] == pools[2] == sorted(image for fold in folds for image in fold["val"])


@pytest.mark.parametrize(
    ("fold", "message"),
    [((0, 1), "at least 2 folds"), ((5, 5), "from 0 to 4"), ((-1, 5), "from 0 to 4"), ((0, 0), "at least 2 folds")],
)
def test_a_fold_that_is_not_there_is_refused(fold: tuple[int, int], message: str) -> None:
    with pytest.raises(UserError, match=f"data.val_fold .*{message}"):
        Digits(val_fold=fold)


@pytest.mark.parametrize("make", [Digits, CIFAR10, lambda **arguments: ImageFolder("images", **arguments)])
def test_a_fold_beside_val_split_is_refused(make: Callable[..., object]) -> None:
    with pytest.raises(UserError, match=r"data\.val_fold=\[0, 5\] takes the place of data\.val_split=0\.1"):
        make(val_fold=(0, 5), val_split=0.1)


def test_a_fold_beside_a_folder_of_validation_images_is_refused(class_folders: Path) -> None:
    for split in ("train", "val"):
        (class_folders.parent / "root").mkdir(exist_ok=True)
        (class_folders.parent / "root" / split).symlink_to(class_folders)
    with pytest.raises(UserError, match="has val/ to validate on"):
        ImageFolder(str(class_folders.parent / "root"), val_fold=(0, 3)).setup("fit")


class Undivided(Digits):
    def _load(self, split: str) -> tuple[torch.Tensor, torch.Tensor, None]:
        return torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), None


def test_a_data_module_that_divides_its_images_itself_says_that_a_fold_has_no_effect() -> None:
    with pytest.raises(UserError, match="no effect: Undivided"):
        Undivided(val_fold=(0, 5)).setup("fit")
