"""Against scikit-learn, which knows groups of images with one class each, and shares of nothing but 1/n."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

from litclassify.data.splitting.balanced_splits import grouped_split, multi_label_split
from litclassify.data.splitting.splits import hold_out
from litclassify.errors import UserError

RNG = np.random.default_rng(0)
# Each group leans to some classes, as patients do to diseases; class 4 is rare.
GROUPS = RNG.integers(0, 120, 1500)
TARGETS = np.array([RNG.choice(5, p=p) for p in RNG.dirichlet([2, 1, 1, 0.5, 0.1], 120)[GROUPS]])
# Labels that come together, from one image in 200 to two in five.
SCORES = RNG.normal(size=(2000, 4)) @ RNG.normal(size=(4, 20)) + RNG.normal(size=(2000, 20))
LABELS = np.stack([s > np.quantile(s, 1 - p) for s, p in zip(SCORES.T, np.geomspace(0.005, 0.4, 20), strict=True)], 1)


def imbalance(part: list[int], targets: np.ndarray = TARGETS) -> float:
    """How far the share of each class in a part is from that in the whole, summed."""
    whole = np.bincount(targets)
    share = np.bincount(targets[part], minlength=len(whole)) / len(part)
    return float(abs(share - whole / len(targets)).sum())


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_divided_and_all_images_are_dealt_out(seed: int) -> None:
    parts = grouped_split(TARGETS, GROUPS, [150, 150, 1200], seed)
    assert sorted(index for part in parts for index in part) == list(range(1500))
    assert all(part == sorted(part) for part in parts)
    groups = [set(GROUPS[part]) for part in parts]
    assert sum(map(len, groups)) == len(set(GROUPS))
    for part, size in zip(parts, [150, 150, 1200], strict=True):
        assert abs(len(part) - size) <= 13  # The mean size of a group.


def test_classes_are_as_balanced_as_scikit_learns() -> None:
    ours = [imbalance(grouped_split(TARGETS, GROUPS, [150, 1350], seed)[0]) for seed in range(10)]
    folds = StratifiedGroupKFold(10, shuffle=True, random_state=0).split(TARGETS, TARGETS, GROUPS)
    stratified = [imbalance(part) for _, part in folds]
    shuffled = [imbalance(part) for _, part in GroupShuffleSplit(10, test_size=0.1).split(TARGETS, TARGETS, GROUPS)]
    assert np.mean(ours) <= np.mean(stratified)
    assert np.mean(ours) < 0.5 * np.mean(shuffled)


def test_a_class_of_a_single_group_is_trained_on() -> None:
    targets = np.array([0, 1] * 20 + [2] * 4)
    groups = np.array([i // 4 for i in range(44)])
    for seed in range(10):
        *_, train = grouped_split(targets, groups, [10, 10, 24], seed)
        assert set(targets[train]) == {0, 1, 2}


@pytest.mark.parametrize("groups_of_class", [[4] * 100, [3] * 20, [6] * 50, [4] * 50 + [20] * 50, [2, 9, 9, 9]])
def test_classes_of_few_groups_give_parts_of_the_size_wanted(groups_of_class: list[int]) -> None:
    """A tenth of each class is less than a group, or less than two."""
    targets = np.repeat(np.arange(len(groups_of_class)), groups_of_class).repeat(10)
    size = len(targets) // 10
    test, val, train = grouped_split(targets, np.arange(len(targets)) // 10, [size, size, len(targets) - 2 * size], 0)
    assert abs(len(test) - size) <= 5
    assert abs(len(val) - size) <= 5
    assert set(targets[train]) == set(targets)


def test_classes_of_few_groups_are_as_balanced_as_scikit_learns() -> None:
    targets = np.concatenate([np.repeat(np.arange(50), 40), np.repeat(np.arange(50, 100), 200)])
    groups = np.arange(12000) // 10
    folds = StratifiedGroupKFold(10, shuffle=True, random_state=0).split(targets, targets, groups)

    ours, _ = grouped_split(targets, groups, [1200, 10800], 0)
    assert imbalance(ours, targets) <= np.mean([imbalance(part, targets) for _, part in folds])


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_no_class_loses_all_its_groups_to_a_part(share: float) -> None:
    targets = np.repeat(np.arange(30), 20)
    size = round(share * 600)
    for seed in range(5):
        part, rest = grouped_split(targets, np.arange(600) // 10, [size, 600 - size], seed)
        assert set(targets[rest]) == set(range(30))
        assert len(part) == min(size, 300)


@pytest.mark.parametrize("groups", [[0] * 12, [0] * 6 + [1] * 6])
def test_too_few_groups_are_refused(groups: list[int]) -> None:
    with pytest.raises(UserError, match=r"data\.group_column .* \d groups: too few, or too uneven, to draw 1 of 12"):
        hold_out([0, 1] * 6, val_split=1, test_split=None, seed=0, groups=torch.tensor(groups))


@pytest.mark.parametrize("sizes", [[200, 1800], [137, 211, 1652], [0, 2000], [1, 1999], [1999, 1]])
def test_multi_label_parts_are_disjoint_sorted_complete_and_of_exact_size(sizes: list[int]) -> None:
    parts = multi_label_split(LABELS, sizes, seed=0)
    assert [len(part) for part in parts] == sizes
    assert all(part == sorted(part) for part in parts)
    assert sorted(index for part in parts for index in part) == list(range(2000))


@pytest.mark.parametrize("size", [200, 666])
def test_every_label_keeps_its_share_within_three_images(size: int) -> None:
    for seed in range(5):
        part, _ = multi_label_split(LABELS, [size, 2000 - size], seed)
        assert abs(LABELS[part].sum(axis=0) - LABELS.sum(axis=0) * size / 2000).max() <= 3


def test_labels_of_grouped_images_keep_their_share() -> None:
    groups = RNG.integers(0, 400, 2000)
    part, _ = grouped_split(LABELS, groups, [400, 1600], seed=0)
    assert not set(groups[part]) & set(np.delete(groups, part))
    assert abs(LABELS[part].sum(axis=0) - LABELS.sum(axis=0) * 0.2).max() <= 5


@pytest.mark.parametrize("groups", [None, torch.from_numpy(GROUPS)])
def test_validation_size_does_not_change_the_test_part_and_seeds_differ(groups: torch.Tensor | None) -> None:
    targets = torch.from_numpy(LABELS[:1500])
    parts = [
        hold_out(targets, val_split=val, test_split=0.2, seed=seed, groups=groups)["test"]
        for val, seed in ((10, 0), (0.5, 0), (10, 1))
    ]
    assert parts[0] == parts[1] != parts[2]


def test_splits_are_the_same_on_every_machine() -> None:
    assert multi_label_split(np.eye(2, dtype=bool)[[0, 1] * 10], [6, 14], seed=0)[0] == [1, 8, 10, 17, 18, 19]
    assert grouped_split(np.array([0, 1] * 10), np.repeat(np.arange(5), 4), [4, 16], seed=0)[0] == [4, 5, 6, 7]
