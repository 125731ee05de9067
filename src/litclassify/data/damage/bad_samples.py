"""Which samples of a split cannot be read, and the split without them."""

from collections.abc import Iterable, Mapping, Sequence

import torch.distributed

from litclassify.data.damage.stand_ins import stand_ins
from litclassify.data.decoding.reading import find_unreadable
from litclassify.data.listing.labelled_files import Samples
from litclassify.errors import UserError


def find_bad(paths: Sequence[str]) -> dict[str, str]:
    """Read images, of which each process of a training takes a share; give why which cannot be read.

    All processes have to ask, and get the same answer.
    """
    rank, world_size = _process()
    return _of_all_processes(find_unreadable(paths[rank::world_size]))


def find_missing(left_out: Iterable[str], paths: Sequence[str]) -> dict[str, str]:
    """The same of images that a cache should hold, and has left out."""
    missing = set(left_out).intersection(paths)
    reasons = find_unreadable([path for path in paths if path in missing])
    return _of_all_processes({path: reasons.get(path, "It could not be read at first.") for path in missing})


def without_bad(samples: Samples, bad: Mapping[str, str], split: str) -> Samples:
    """Put stand-ins in the place of bad training images; leave others out.

    So an epoch of training has its length and shares of the classes, and an evaluation counts no image twice.

    Args:
        samples: All of the split.
        bad: Paths of those that cannot be read, with the reason.
        split: train, val or test.

    Raises:
        UserError: There is nothing left, of a class in training or at all.
    """
    if not bad:
        return samples
    good = [path not in bad for path in samples.paths]
    if not any(good):
        raise UserError(f"None of the images of {split} can be read, first '{samples.paths[0]}'.")
    if split != "train":
        return samples.take([i for i, is_good in enumerate(good) if is_good])
    return samples.take([i if is_good else _stand_in(samples, i, good) for i, is_good in enumerate(good)])


def _stand_in(samples: Samples, index: int, good: Sequence[bool]) -> int:
    found = next((other for other in stand_ins(samples.targets, index) if good[other]), None)
    if found is None:
        raise no_stand_in(samples.paths[index], "train")
    return found


def no_stand_in(path: str, split: str) -> UserError:
    """Say that there is no image to take the place of one."""
    return UserError(f"None of the images of {split} that have the class of '{path}' can be read.")


def _process() -> tuple[int, int]:
    """Give rank and number of the processes of a training."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def _of_all_processes(found: dict[str, str]) -> dict[str, str]:
    _, world_size = _process()
    if world_size == 1:
        return found
    parts: list[dict[str, str]] = [{} for _ in range(world_size)]
    torch.distributed.all_gather_object(parts, found)
    return {path: reason for part in parts for path, reason in part.items()}
