"""Which batch size a search measures, and which it suggests."""

from collections.abc import Mapping

import pytest
from jsonargparse import Namespace

from litclassify.cli.search.batch_size import Measured, check_size_search, choose, measure_doubling
from litclassify.errors import UserError


def measured_sizes(speeds: Mapping[int, float | None], training_images: int = 10_000) -> list[int]:
    def measure_one(size: int) -> Measured:
        return Measured(size, speeds[size], None, is_whole=size <= training_images)

    return [one.batch_size for one in measure_doubling(measure_one, 16)]


def test_two_doublings_that_gain_nothing_end_it() -> None:
    assert measured_sizes({16: 100, 32: 200, 64: 202, 128: 205, 256: 900}) == [16, 32, 64, 128]


def test_one_doubling_that_gains_nothing_does_not() -> None:
    assert measured_sizes({16: 100, 32: 100, 64: 200, 128: 200, 256: 200}) == [16, 32, 64, 128, 256]


def test_missing_memory_ends_it() -> None:
    assert measured_sizes({16: 100, 32: 200, 64: None}) == [16, 32, 64]


def test_the_training_set_ends_it() -> None:
    assert measured_sizes({16: 100, 32: 200, 64: 400}, training_images=40) == [16, 32]


def test_the_smallest_near_the_best_is_chosen() -> None:
    speeds = {16: 100.0, 32: 191.0, 64: 200.0, 128: None}
    assert choose([Measured(size, speed, None, is_whole=True) for size, speed in speeds.items()]) == 32


@pytest.mark.parametrize("measurements", [[], [Measured(16, None, None, is_whole=True)]])
def test_nothing_that_ran_is_a_mistake(measurements: list[Measured]) -> None:
    with pytest.raises(UserError, match="not even the smallest batch ran"):
        choose(measurements)


@pytest.mark.parametrize("arguments", [{}, {"init_args": Namespace(root="data")}])
def test_data_without_a_batch_size_are_a_mistake(arguments: Mapping[str, Namespace]) -> None:
    config = Namespace(data=Namespace(class_path="own.Data", **arguments))
    with pytest.raises(UserError, match=r"find_batch_size: own\.Data takes no batch_size\."):
        check_size_search(config, resumes=False)
