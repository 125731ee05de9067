from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    SequentialSampler,
    SubsetRandomSampler,
)

from litclassify.callbacks.evaluation.loader_images import image_paths, keeps_order, read_images, single_loader


class Numbers(Dataset[tuple[torch.Tensor, int]]):
    """Six images of one pixel, with torchvision's list of samples."""

    samples: ClassVar = [(f"{i}.png", 0) for i in range(6)]

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.full((1, 1, 1), float(index)), 0


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(6))


def shared(*, shuffle: bool) -> DistributedSampler[Any]:
    return DistributedSampler(Numbers(), num_replicas=2, rank=0, shuffle=shuffle)


@pytest.mark.parametrize(
    ("loader", "keeps"),
    [
        (DataLoader(Numbers(), batch_size=4), True),
        (DataLoader(Numbers(), batch_size=4, sampler=shared(shuffle=False)), True),
        (DataLoader(Numbers(), batch_size=4, sampler=shared(shuffle=True)), False),
        (DataLoader(Numbers(), batch_size=4, shuffle=True), False),
        (DataLoader(Numbers(), sampler=SubsetRandomSampler(range(6))), False),
        (DataLoader(Numbers(), batch_sampler=[[5, 4], [0]]), False),
        (DataLoader(Stream()), False),
        ([(torch.zeros(1), torch.zeros(1))], False),
    ],
)
def test_order_is_known_where_nothing_changes_it(loader: Any, keeps: bool) -> None:
    assert keeps_order(loader) is keeps


def test_a_batch_sampler_of_ones_own_may_change_the_order() -> None:
    class Backwards(BatchSampler):
        def __iter__(self) -> Iterator[list[int]]:
            return reversed(list(super().__iter__()))

    sampler = Backwards(SequentialSampler(Numbers()), 2, drop_last=False)
    assert not keeps_order(DataLoader(Numbers(), batch_sampler=sampler))


def test_images_have_their_paths_or_numbers() -> None:
    assert image_paths(DataLoader(Numbers()), range(2), "test") == ["0.png", "1.png"]
    assert image_paths(DataLoader(Numbers(), shuffle=True), range(2), "test") == ["test/0", "test/1"]


def test_images_are_read_again() -> None:
    assert read_images(DataLoader(Numbers(), batch_size=2), [4, 1]).ravel().tolist() == [4, 1]


def test_a_list_of_one_loader_is_a_loader() -> None:
    loader = DataLoader(Numbers())
    assert single_loader([loader]) is loader
    assert single_loader(loader) is loader
