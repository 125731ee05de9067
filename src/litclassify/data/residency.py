"""Whether images in memory are held on the accelerator, where batches are then made."""

from typing import Any, Literal

import torch
from torchvision.transforms import v2

from litclassify.data.augmentation.batch_transforms import vectorize
from litclassify.data.datasets.image_dataset import ImageDataset
from litclassify.data.datasets.in_memory import ImageTensorDataset
from litclassify.errors import UserError

MAX_RESIDENT_SHARE = 0.25
"""Share of a CUDA device's free memory that one data set may take."""
CONTAINERS = (v2.Compose, v2.RandomApply, v2.RandomChoice, v2.RandomOrder)
"""Transforms that apply others, and draw on the CPU which."""

DeviceResident = bool | Literal["auto"]


def move_to_accelerator(dataset: ImageDataset, device: torch.device, wanted: DeviceResident, num_workers: int) -> None:
    """Move a data set to `device`, if it is an accelerator, as the argument `device_resident` wants it.

    Raises:
        UserError: It is wanted, and the training images cannot be there.
    """
    if device.type == "cpu" or wanted is False or num_workers > 0:
        return
    obstacle = _obstacle(dataset)
    if obstacle and wanted is True and dataset.split == "train":
        raise UserError(f"data.device_resident=true {obstacle}, or leave out data.device_resident.")
    if isinstance(dataset, ImageTensorDataset) and not obstacle and (wanted is True or _fits(dataset, device)):
        dataset.to(device)


def _obstacle(dataset: ImageDataset) -> str:
    """What keeps a data set off an accelerator, for a message, and what to do; "" if nothing."""
    if not isinstance(dataset, ImageTensorDataset):
        return "needs images that are held in memory and have one size: set data.cache=ram if the data module has it"
    unsafe = _drawing_where_images_lie(dataset.transform)
    if unsafe:
        return (
            f"and {unsafe[0]} do not go together, which may draw random numbers on the accelerator, where they are not "
            "function of the seed and the epoch: choose other transforms"
        )
    return ""


def _drawing_where_images_lie(transform: Any) -> list[str]:
    """Names of transforms that may draw from the generator of the images' device, as AugMix and GaussianNoise do.

    Those that have a batch transform do not, and neither does RandomResizedCrop.
    """
    if type(transform) in CONTAINERS:
        return [name for part in transform.transforms for name in _drawing_where_images_lie(part)]
    safe = type(transform) is v2.RandomResizedCrop or vectorize(transform) is not None
    return [] if safe else [type(transform).__name__]


def _fits(dataset: ImageTensorDataset, device: torch.device) -> bool:
    if device.type != "cuda":
        return False  # Only CUDA tells how much memory is free.
    free, _ = torch.cuda.mem_get_info(device)
    return dataset.nbytes <= MAX_RESIDENT_SHARE * free
