"""Measure all images, over the cores of the machine."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

from litclassify.audit.inventory import Inventory
from litclassify.audit.measures import Measures, Source, measure

CHUNK = 64
# To start the processes takes as long as to measure some hundred images.
FEWEST_IN_PARALLEL = 1000
# Chunks in flight for each process: enough that none waits, few enough that memory does not grow with the data set.
AHEAD = 4


def read_all(inventory: Inventory, num_workers: int, progress: Callable[[int], object]) -> list[Measures]:
    """Measure the images of an inventory, in order.

    Args:
        inventory: What to read.
        num_workers: Processes to share the work.
        progress: Called with the number of images that were measured since the last call.
    """
    measured: list[Measures] = []
    total = len(inventory.samples)
    alone = num_workers < 2 or total < FEWEST_IN_PARALLEL  # noqa: PLR2004
    for part in map(measure, _chunks(inventory)) if alone else _in_parallel(_chunks(inventory), num_workers):
        measured += part
        progress(len(part))
    return measured


def _chunks(inventory: Inventory) -> Iterator[list[Source]]:
    for start in range(0, len(inventory.samples), CHUNK):
        yield [inventory.source(i) for i in range(start, min(start + CHUNK, len(inventory.samples)))]


def _in_parallel(chunks: Iterator[list[Source]], num_workers: int) -> Iterator[list[Measures]]:
    # Forked processes would inherit the threads' locks of torch.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, context) as pool:
        waiting: deque[Future[list[Measures]]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(measure, chunk))
            if len(waiting) > AHEAD * num_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
