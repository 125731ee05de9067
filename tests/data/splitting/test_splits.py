import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from litclassify.data.splitting.splits import hold_out, split_size, stratified_split
from litclassify.errors import UserError

TARGETS = np.random.default_rng(0).choice(7, size=1000, p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.045, 0.005]).tolist()


@pytest.mark.parametrize(("split", "size"), [(1, 1), (99, 99), (6.0, 6), (0.1, 10), (0.126, 13), (0.99, 99)])
def test_split_is_a_count_or_a_fraction(split, size):
    assert split_size(split, 100, "data.val_split") == size


@pytest.mark.parametrize("split", [0, -1, 100, 101, 0.0, 1.0, 1.5, -0.1, 0.001, 0.999, float("nan")])
def test_split_that_leaves_nothing_is_refused_with_key_and_value(split):
    with pytest.raises(UserError, match=rf"data\.val_split .*{split}"):
        split_size(split, 100, "data.val_split")


@pytest.mark.parametrize("sizes", [[100, 900], [999, 1], [137, 211, 652], [0, 1000], [250, 250, 250, 250]])
def test_parts_are_disjoint_sorted_complete_and_of_exact_size(sizes):
    parts = stratified_split(TARGETS, sizes, seed=3)
    assert [len(part) for part in parts] == sizes
    assert all(part == sorted(part) for part in parts)
    assert sorted(index for part in parts for index in part) == list(range(1000))


@pytest.mark.parametrize("size", [1, 10, 100, 333, 500, 999])
def test_every_class_keeps_its_share_within_one(size):
    part, rest = stratified_split(TARGETS, [size, 1000 - size], seed=0)
    counts = np.bincount(TARGETS, minlength=7)
    for indices in (part, rest):
        share = np.bincount(np.take(TARGETS, indices), minlength=7)
        assert (abs(share - counts * len(indices) / 1000) < 1).all()


@pytest.mark.parametrize(
    "members", [[100] * 10 + [1] * 6, [100] * 10 + [1] * 20, [1000] + [1] * 500, [2] * 50, [1, 100], [100, 2, 1, 0, 3]]
)
@pytest.mark.parametrize("share", [0.1, 0.2])
def test_every_class_is_trained_on(members, share):
    targets = np.repeat(np.arange(len(members)), members)
    size = round(share * len(targets))
    parts = hold_out(targets.tolist(), val_split=size, test_split=size, seed=0)
    assert set(targets[parts["train"]]) == set(targets)
    assert len(parts["val"]) == len(parts["test"]) == size


def test_the_seed_decides_which_of_equal_classes_are_drawn_from():
    targets = np.repeat(np.arange(1000), 4)

    def drawn(seed, part):
        return set(targets[hold_out(targets.tolist(), val_split=0.1, test_split=0.1, seed=seed)[part]].tolist())

    evaluated = [drawn(seed, "val") | drawn(seed, "test") for seed in (0, 1)]
    assert [len(classes) for classes in evaluated] == [800, 800]
    assert 600 < len(evaluated[0] & evaluated[1]) < 680  # By chance, 640.
    assert abs(np.mean(list(drawn(0, "test"))) - 499.5) < 50  # Standard error 11.


def test_classes_that_lose_nothing_are_as_near_to_their_share_as_before():
    targets = np.repeat(np.arange(16), [100] * 10 + [1] * 6)
    part, _ = stratified_split(targets, [101, 905], seed=0)
    counts = np.bincount(targets[part], minlength=16).tolist()
    assert sorted(counts[:10]) == [10] * 9 + [11]
    assert counts[10:] == [0] * 6


def test_a_part_larger_than_what_can_be_spared_has_its_size():
    part, rest = stratified_split([0] * 6 + [1, 2, 3, 4], [8, 2], seed=0)
    assert (len(part), len(rest)) == (8, 2)


def test_class_counts_agree_with_scikit_learn_where_shares_are_whole():
    targets = np.repeat([0, 1, 2], [500, 300, 200])
    ours, _ = stratified_split(targets, [100, 900], seed=0)
    _, theirs = train_test_split(np.arange(1000), test_size=100, stratify=targets, random_state=0)
    assert (np.bincount(targets[ours]) == np.bincount(targets[theirs])).all()


def test_split_depends_on_nothing_but_targets_sizes_and_seed():
    first = stratified_split(TARGETS, [100, 900], seed=1)
    np.random.seed(5)
    torch.manual_seed(5)
    assert stratified_split(torch.tensor(TARGETS), [100, 900], seed=1) == first
    assert stratified_split(TARGETS, [100, 900], seed=2) != first


def test_split_is_the_same_on_every_machine():
    part, _ = stratified_split([0, 1] * 10, [6, 14], seed=0)
    assert part == [3, 4, 7, 8, 11, 16]


def test_validation_size_does_not_change_the_test_part():
    small = hold_out(TARGETS, val_split=10, test_split=0.2, seed=0)
    large = hold_out(TARGETS, val_split=0.5, test_split=0.2, seed=0)
    assert small["test"] == large["test"]
    assert {name: len(part) for name, part in large.items()} == {"test": 200, "val": 500, "train": 300}


def test_none_holds_out_nothing():
    parts = hold_out(TARGETS, val_split=None, test_split=None, seed=0)
    assert parts == {"test": [], "val": [], "train": list(range(1000))}


def test_parts_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(UserError, match=r"data\.val_split=0\.5 and data\.test_split=500 take 500 and 500"):
        hold_out(TARGETS, val_split=0.5, test_split=500, seed=0)
