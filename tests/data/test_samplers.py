import math
from collections import Counter
from itertools import chain

import numpy as np
import pytest
import torch
from lightning.pytorch.trainer.states import RunningStage
from tests.models.test_image_classifier import quiet_trainer
from torch.utils.data import DataLoader, WeightedRandomSampler

from litclassify.data import ImageTensorDataset
from litclassify.data.samplers import ShuffledSampler, balanced_counts, earlier_occurrences, even_batch_size

# Classes of 90, 9 and 1 images.
TARGETS = torch.tensor([0] * 90 + [1] * 9 + [2])
DATASET = ImageTensorDataset(torch.zeros(100, 1, 1, 1, dtype=torch.uint8), TARGETS, None, "train")


def draws(epoch: int, world_size: int = 1, **settings: float) -> list[list[int]]:
    """What each process draws in an epoch."""
    samplers = [ShuffledSampler(DATASET, 5, world_size, rank, **settings) for rank in range(world_size)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    return [list(sampler) for sampler in samplers]


def order(seed: int, epoch: int, n: int = 50) -> list[int]:
    """The order of an epoch, as indices of samples."""
    sampler = ShuffledSampler(range(n), seed)
    sampler.set_epoch(epoch)
    return [draw - epoch * n for draw in sampler]


def test_order_is_a_permutation():
    assert sorted(order(3, 4)) == list(range(50))


def test_order_is_a_function_of_seed_and_epoch():
    keys = [(seed, epoch) for seed in range(5) for epoch in range(5)]
    orders = {key: tuple(order(*key)) for key in keys}
    assert len(set(orders.values())) == 25  # So seed 0 in epoch 1 differs from seed 1 in epoch 0.
    assert all(tuple(order(*key)) == orders[key] for key in reversed(keys))


def test_order_is_the_same_on_every_machine():
    assert order(0, 1, n=8) == [0, 5, 6, 1, 3, 2, 4, 7]


def test_every_sample_comes_first_equally_often():
    firsts = Counter(order(0, epoch, n=4)[0] for epoch in range(2000))
    assert all(abs(firsts[sample] - 500) < 100 for sample in range(4))  # Five standard deviations.


def test_processes_share_the_samples_out():
    shares = []
    for rank in range(3):
        sampler = ShuffledSampler(range(10), 0, world_size=3, rank=rank)
        sampler.set_epoch(2)
        shares.append([draw - 20 for draw in sampler])
    assert [len(share) for share in shares] == [4, 4, 4]
    whole = order(0, 2, n=10)
    assert [share[i] for i in range(4) for share in shares] == [*whole, *whole[:2]]


def test_lightning_leaves_it_in_place_under_several_processes():
    connector = quiet_trainer(strategy="ddp", devices=2)._data_connector
    ours, plain = DataLoader(range(4), sampler=ShuffledSampler(range(4), 0, world_size=2)), DataLoader(range(4))
    assert connector._prepare_dataloader(ours, shuffle=True, mode=RunningStage.TRAINING) is ours
    assert connector._prepare_dataloader(plain, shuffle=True, mode=RunningStage.TRAINING) is not plain


@pytest.mark.parametrize("world_size", [2, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 64])
def test_every_process_evaluates_as_many_batches(batch_size, world_size):
    for num_images in range(2 * world_size, 300):
        size = even_batch_size(batch_size, num_images, world_size)
        batches = {math.ceil(len(range(rank, num_images, world_size)) / size) for rank in range(world_size)}
        assert size >= batch_size
        assert len(batches) == 1


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("class_balance", [0.0, 0.5, 1.0])
def test_classes_come_as_often_as_from_a_weighted_random_sampler(class_balance: float, world_size: int) -> None:
    weights = torch.bincount(TARGETS).double()[TARGETS] ** -class_balance
    torchs = WeightedRandomSampler(weights.tolist(), 100_000, generator=torch.Generator().manual_seed(0))
    expected = np.bincount(TARGETS[list(torchs)], minlength=3) / 1000
    shares = draws(3, world_size, class_balance=class_balance)
    counted = np.bincount(TARGETS[[draw % 100 for draw in chain(*shares)]], minlength=3)
    np.testing.assert_allclose(counted, expected, atol=1.5)  # Rounded to whole images, and three standard deviations.
    assert [len(share) for share in shares] == [100 // world_size] * world_size


def test_balanced_images_come_as_often_as_from_a_weighted_random_sampler() -> None:
    """In the mean over epochs, every image of a class comes alike."""
    seen = Counter(draw % 100 for epoch in range(300) for draw in draws(epoch, class_balance=1.0)[0])
    frequent = [seen[index] for index in range(90)]
    assert abs(np.mean(frequent) - 300 * 34 / 90) < 2
    assert np.std(frequent) < 15  # Binomial: 8.4.


@pytest.mark.parametrize("world_size", [2, 3])
def test_every_process_sees_all_classes_alike(world_size: int) -> None:
    for epoch in range(50):
        for share in draws(epoch, world_size, class_balance=1.0):
            counted = np.bincount(TARGETS[[draw % 100 for draw in share]], minlength=3)
            assert (counted > 0.4 * len(share) / 3).all()


@pytest.mark.parametrize("settings", [{"class_balance": 1.0}, {"repeats": 3}, {"class_balance": 0.7, "repeats": 2}])
def test_no_two_draws_of_a_training_are_alike(settings: dict[str, float]) -> None:
    drawn = [draw for epoch in range(20) for draw in draws(epoch, **settings)[0]]
    assert len(set(drawn)) == len(drawn) == 2000
    assert draws(7, **settings) == draws(7, **settings)
    assert draws(7, **settings) != draws(8, **settings)


def test_a_sample_does_not_come_again_before_all_of_its_class_have_come() -> None:
    seen = Counter(draw % 100 for draw in draws(0, class_balance=1.0)[0])
    assert {seen[index] for index in range(90, 99)} <= {3, 4}
    assert max(seen[index] for index in range(90)) == 1


@pytest.mark.parametrize("repeats", [2, 3])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_copies_go_to_processes_as_in_timms_sampler(repeats: int, world_size: int) -> None:
    sampler = pytest.importorskip("timm.data.distributed_sampler").RepeatAugSampler
    order = [draw % 100 for draw in draws(0)[0]]
    for rank, share in enumerate(draws(0, world_size, repeats=repeats)):
        theirs = sampler(DATASET, world_size, rank, shuffle=False, num_repeats=repeats, selected_round=0)
        assert [draw % 100 for draw in share] == [order[index] for index in theirs]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_copies_come_in_succession_over_the_processes(world_size: int) -> None:
    order, length = [draw % 100 for draw in draws(4)[0]], math.ceil(100 / world_size)
    shares = [[draw % 100 for draw in share] for share in draws(4, world_size, repeats=3)]
    assert [len(share) for share in shares] == [length] * world_size
    assert (
        list(chain(*zip(*shares, strict=True))) == [index for index in order for _ in range(3)][: length * world_size]
    )


def test_balanced_counts_use_up_the_epoch() -> None:
    assert balanced_counts([90, 9, 1], 0.0) == [90, 9, 1]
    assert balanced_counts([90, 9, 1], 1.0) == [34, 33, 33]
    assert balanced_counts([100, 25, 4], 0.5) == [76, 38, 15]  # As 10 to 5 to 2 of 129.


def test_earlier_occurrences_count_up() -> None:
    assert earlier_occurrences(np.array([4, 2, 4, 4, 2])).tolist() == [0, 0, 1, 2, 1]


@pytest.mark.parametrize("settings", [{}, {"class_balance": 0.5}, {"repeats": 3}])
@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize("skipped", [0, 1, 17, 1000])
def test_skipped_samples_are_the_first_of_the_next_pass_alone(
    settings: dict[str, float], world_size: int, skipped: int
) -> None:
    for rank, whole in enumerate(draws(4, world_size, **settings)):
        sampler = ShuffledSampler(DATASET, 5, world_size, rank, **settings)
        sampler.set_epoch(4)
        sampler.skip(skipped)
        assert list(sampler) == whole[skipped:]
        assert list(sampler) == whole
