"""Images and paths of a loader's data set."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, RandomSampler


def keeps_order(loader: Any) -> bool:
    """Whether the images of an evaluation are those of a data set, in its order."""
    if not isinstance(loader, DataLoader) or not hasattr(loader.dataset, "__getitem__"):
        return False
    return not isinstance(loader.sampler, RandomSampler) and not getattr(loader.sampler, "shuffle", False)


def sample_paths(loader: Any, count: int, prefix: str) -> list[str]:
    """Give the path of each image, if the data set tells them as `paths` or torchvision's `samples`, or else a number.

    Args:
        loader: That gave the images.
        count: How many images it gave.
        prefix: What stands before a number.
    """
    dataset = loader.dataset if keeps_order(loader) else None
    paths = getattr(dataset, "paths", None) or [path for path, _ in getattr(dataset, "samples", ())]
    return [str(paths[i]) for i in range(count)] if paths else [f"{prefix}/{i}" for i in range(count)]


def sample_images(loader: Any, indices: Sequence[int]) -> NDArray[np.generic]:
    """Read images of a loader that keeps their order again, as the classifier gets them: (n, C, H, W)."""
    dataset = loader.dataset
    fetch = getattr(dataset, "__getitems__", lambda indices: [dataset[i] for i in indices])
    images: NDArray[np.generic] = loader.collate_fn(fetch(list(indices)))[0].cpu().numpy()
    return images
