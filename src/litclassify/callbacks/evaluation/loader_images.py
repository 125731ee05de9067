"""Images and paths of a loader's data set."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset, SequentialSampler

from litclassify.errors import UserError


def single_loader(loaders: Any) -> Any:
    """Give the loader of an evaluation that has one, in a list or not."""
    return loaders[0] if isinstance(loaders, list | tuple) and len(loaders) == 1 else loaders


def several_loaders(name: str) -> UserError:
    """Say that one loader is taken.

    Args:
        name: Method of the data module that gives several.
    """
    return UserError(
        f"data: {name} gives several loaders, and one is taken. Join their data sets with "
        "torch.utils.data.ConcatDataset, or give them one after the other."
    )


def keeps_order(loader: Any) -> bool:
    """Whether the images that a loader gives are those of its data set, in their order, shared out over processes."""
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return False
    if type(loader.batch_sampler) is not BatchSampler:
        return False
    sampler = loader.sampler
    return isinstance(sampler, SequentialSampler) or (isinstance(sampler, DistributedSampler) and not sampler.shuffle)


def paths_of(dataset: Any) -> Sequence[Any]:
    """Give the path of each image, if a data set tells them, as `paths` or torchvision's `samples`; or else nothing."""
    return getattr(dataset, "paths", None) or [path for path, _ in getattr(dataset, "samples", ())]


def image_paths(loader: Any, indices: Iterable[int], prefix: str) -> list[str]:
    """Give the path of images of an evaluation, or where it is not known, a number.

    Args:
        loader: That gave the images.
        indices: Which of those that it gave; more than there are begin again with the first.
        prefix: What stands before a number.
    """
    paths = paths_of(loader.dataset) if keeps_order(loader) else ()
    return [str(paths[i % len(paths)]) if paths else f"{prefix}/{i}" for i in indices]


def read_images(loader: Any, indices: Sequence[int]) -> NDArray[np.generic]:
    """Read images of a loader that keeps their order again, as the classifier gets them: (n, C, H, W)."""
    dataset = loader.dataset
    fetch = getattr(dataset, "__getitems__", lambda indices: [dataset[i] for i in indices])
    images: NDArray[np.generic] = loader.collate_fn(fetch(list(indices)))[0].cpu().numpy()
    return images
