import math
from collections import Counter

import pytest
from lightning.pytorch.utilities.data import _is_dataloader_shuffled
from torch.utils.data import DataLoader

from litclassify.data.samplers import ShuffledSampler, even_batch_size


def order(seed: int, epoch: int, n: int = 50) -> list[int]:
    sampler = ShuffledSampler(range(n), seed)
    sampler.set_epoch(epoch)
    return list(sampler)


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


def test_lightning_sees_that_the_loader_shuffles():
    data = list(range(10))
    assert _is_dataloader_shuffled(DataLoader(data, sampler=ShuffledSampler(data, 0)))


@pytest.mark.parametrize("world_size", [2, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 64])
def test_every_process_evaluates_as_many_batches(batch_size, world_size):
    for num_images in range(2 * world_size, 300):
        size = even_batch_size(batch_size, num_images, world_size)
        batches = {math.ceil(len(range(rank, num_images, world_size)) / size) for rank in range(world_size)}
        assert size >= batch_size
        assert len(batches) == 1
