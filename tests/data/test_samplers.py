import math
from collections import Counter

import pytest
from torch.utils.data import DistributedSampler

from litclassify.data.samplers import ShuffledSampler, even_batch_size


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
    assert isinstance(ShuffledSampler(range(4), 0), DistributedSampler)


@pytest.mark.parametrize("world_size", [2, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 64])
def test_every_process_evaluates_as_many_batches(batch_size, world_size):
    for num_images in range(2 * world_size, 300):
        size = even_batch_size(batch_size, num_images, world_size)
        batches = {math.ceil(len(range(rank, num_images, world_size)) / size) for rank in range(world_size)}
        assert size >= batch_size
        assert len(batches) == 1
