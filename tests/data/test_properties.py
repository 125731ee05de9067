"""What holds for all splits, orders and transforms, whatever the data: cases are drawn, the same ones every time."""

from collections import Counter
from typing import Any

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from litclassify.data import ImageTensorDataset
from litclassify.data.augmentation.batch_transforms import vectorize
from litclassify.data.samplers import InOrderSampler, ShuffledSampler, balanced_counts, even_batch_size
from litclassify.data.splitting.folds import stratified_folds
from litclassify.data.splitting.splits import divide, hold_out
from litclassify.errors import UserError
from litclassify.randomness import SampleRandomness

quick = settings(max_examples=40, derandomize=True, deadline=None, database=None)

SEEDS = st.integers(0, 2**32 - 1)
TARGETS = st.lists(st.integers(0, 5), min_size=4, max_size=80)


@st.composite
def targets_and_sizes(draw: Any) -> tuple[list[int], list[int]]:
    """Targets, and sizes of three parts that use them up."""
    targets = draw(TARGETS)
    first, second = sorted(draw(st.tuples(*[st.integers(0, len(targets))] * 2)))
    return targets, [first, second - first, len(targets) - second]


def flat(parts: list[list[int]]) -> list[int]:
    return sorted(index for part in parts for index in part)


# --- Splits ---


@quick
@given(targets_and_sizes(), SEEDS)
def test_every_image_is_in_exactly_one_part_of_the_size_asked_for(case: Any, seed: int) -> None:
    targets, sizes = case
    parts = divide(targets, sizes, seed)
    assert [len(part) for part in parts] == sizes
    assert flat(parts) == list(range(len(targets)))
    assert all(part == sorted(part) for part in parts)
    assert parts == divide(targets, sizes, seed)


@quick
@given(targets_and_sizes(), SEEDS)
def test_the_first_part_has_of_every_class_its_share_within_one_image(case: Any, seed: int) -> None:
    targets, sizes = case
    first = Counter(targets[index] for index in divide(targets, sizes, seed)[0])
    for label, count in Counter(targets).items():
        assert abs(first[label] - count * sizes[0] / len(targets)) < 1


@quick
@given(targets_and_sizes(), SEEDS, st.integers(0, 80))
def test_what_is_tested_on_does_not_depend_on_the_other_parts(case: Any, seed: int, moved: int) -> None:
    targets, (first, second, third) = case
    moved = min(moved, second)
    assert divide(targets, [first, second, third], seed)[0] == divide(
        targets, [first, second - moved, third + moved], seed
    )[0]  # fmt: skip


@quick
@given(st.data(), SEEDS)
def test_parts_of_images_with_several_labels_have_the_sizes_asked_for(data: Any, seed: int) -> None:
    targets, sizes = data.draw(targets_and_sizes())
    labels = torch.tensor([[label >> bit & 1 for bit in range(3)] for label in targets], dtype=torch.bool)
    parts = divide(labels, sizes, seed)
    assert [len(part) for part in parts] == sizes
    assert flat(parts) == list(range(len(targets)))
    assert parts == divide(labels, sizes, seed)


@quick
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=8, max_size=80), SEEDS)
def test_no_group_is_divided(rows: list[tuple[int, int]], seed: int) -> None:
    targets, groups = [row[0] for row in rows], torch.tensor([row[1] for row in rows])
    size = len(rows) // 4
    try:
        parts = divide(targets, [size, size, len(rows) - 2 * size], seed, groups)
    except UserError:
        assume(False)  # Too few groups, or too uneven.
    assert flat(parts) == list(range(len(rows)))
    homes = [{groups[index].item() for index in part} for part in parts]
    assert sum(map(len, homes)) == len(set().union(*homes))


@quick
@given(TARGETS, st.floats(0.01, 0.99) | st.integers(1, 79), SEEDS)
def test_what_is_held_out_and_what_is_left_are_the_whole(targets: list[int], split: int | float, seed: int) -> None:
    try:
        parts = hold_out(targets, val_split=split, test_split=None, seed=seed)
    except UserError:
        size = round(split * len(targets)) if isinstance(split, float) else split
        assert not 0 < size < len(targets)
        return
    assert flat(list(parts.values())) == list(range(len(targets)))
    assert parts["test"] == []


@quick
@given(TARGETS, st.integers(2, 6), SEEDS)
def test_folds_differ_by_one_image_at_most_in_all_and_in_every_class(
    targets: list[int], num_folds: int, seed: int
) -> None:
    folds = stratified_folds(targets, num_folds, seed)
    assert flat(folds) == list(range(len(targets)))
    for counted in ({None}, *({label} for label in set(targets))):
        sizes = [sum(counted == {None} or targets[index] in counted for index in fold) for fold in folds]
        assert max(sizes) - min(sizes) <= 1


# --- Orders ---


def dataset(targets: list[int]) -> ImageTensorDataset:
    images = torch.zeros(len(targets), 1, 1, 1, dtype=torch.uint8)
    return ImageTensorDataset(images, torch.tensor(targets), None, "train")


@quick
@given(
    TARGETS,
    SEEDS,
    st.integers(1, 5),
    st.floats(0, 1) | st.sampled_from([0.0, 1.0]),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_draws_of_all_processes_are_those_of_one(
    targets: list[int], seed: int, world_size: int, class_balance: float, repeats: int, epoch: int
) -> None:
    data = dataset(targets)

    def draws(world_size: int, epoch: int) -> list[list[int]]:
        arguments = {"class_balance": class_balance, "repeats": repeats}
        samplers = [ShuffledSampler(data, seed, world_size, rank, **arguments) for rank in range(world_size)]
        for sampler in samplers:
            sampler.set_epoch(epoch)
        shares = [list(sampler) for sampler in samplers]
        assert [len(sampler) for sampler in samplers] == [len(share) for share in shares]
        return shares

    (alone,), shares = draws(1, epoch), draws(world_size, epoch)
    assert len(alone) == len(set(alone)) == len(targets)
    assert len({len(share) for share in shares}) == 1
    in_turn = [draw for step in zip(*shares, strict=True) for draw in step]
    # Processes have as many each: what is missing for that comes from the same order, or is repeated once more.
    assert in_turn[: len(alone)] == alone
    assert len(in_turn) - len(targets) in range(world_size)
    assert set(alone).isdisjoint(draws(1, epoch + 1)[0])
    if class_balance == 0 and repeats == 1:
        assert sorted(draw % len(targets) for draw in alone) == list(range(len(targets)))


@quick
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=9), st.floats(0, 1))
def test_counts_of_a_balanced_epoch_sum_to_its_length(sizes: list[int], class_balance: float) -> None:
    counts = balanced_counts(sizes, class_balance)
    shares = np.asarray(sizes, dtype=np.float64) ** (1 - class_balance)
    assert sum(counts) == sum(sizes)
    assert (np.abs(counts - shares / shares.sum() * sum(sizes)) < 1 + 1e-6).all()


@quick
@given(st.integers(1, 99), st.integers(1, 7), st.integers(0, 20))
def test_processes_evaluate_every_image_once(size: int, world_size: int, skipped: int) -> None:
    samplers = [InOrderSampler(range(size), world_size, rank, skipped) for rank in range(world_size)]
    assert all(len(sampler) == len(list(sampler)) > 0 for sampler in samplers)
    if size >= world_size * (skipped + 1):
        assert sorted(index for sampler in samplers for index in sampler) == list(range(world_size * skipped, size))


@quick
@given(st.integers(1, 99), st.integers(1, 500), st.integers(1, 9))
def test_processes_evaluate_as_many_batches_each(batch_size: int, num_images: int, world_size: int) -> None:
    assume(num_images >= world_size)
    even = even_batch_size(batch_size, num_images, world_size)
    batches = {-(-len(range(rank, num_images, world_size)) // even) for rank in range(world_size)}
    assert even >= batch_size
    assert len(batches) == 1


# --- Transforms ---

TRANSFORMS: list[Any] = [
    v2.RandomHorizontalFlip(),
    v2.RandomVerticalFlip(),
    v2.RandomErasing(p=1.0, value=7),
    v2.RandomAffine(degrees=0, translate=(0.3, 0.3)),
    v2.TrivialAugmentWide(),
    v2.RandAugment(),
]


@quick
@given(
    st.lists(st.sampled_from(TRANSFORMS), max_size=3),
    st.tuples(st.integers(1, 5), st.sampled_from([1, 3]), st.integers(1, 40), st.integers(1, 40)),
    SEEDS,
)
def test_transforms_of_batches_keep_shape_and_type(
    transforms: list[Any], shape: tuple[int, int, int, int], seed: int
) -> None:
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    before = images.clone()
    vectorized = vectorize(v2.Compose(transforms) if transforms else None)
    assert vectorized is not None
    made = [vectorized(images, SampleRandomness(seed, range(shape[0]))) for _ in range(2)]
    assert made[0].shape == images.shape
    assert made[0].dtype == torch.uint8
    assert torch.equal(*made)
    assert torch.equal(images, before)


@quick
@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 30),
    st.sampled_from(["constant", "edge"]),
    SEEDS,
)
def test_crops_have_the_size_asked_for(height: int, width: int, size: int, mode: str, seed: int) -> None:
    images = torch.zeros(3, 1, height, width, dtype=torch.uint8)
    crop = vectorize(v2.RandomCrop(size, padding=4, pad_if_needed=True, padding_mode=mode))
    if crop is not None:
        assert crop(images, SampleRandomness(seed, [1, 2, 3])).shape == (3, 1, size, size)
