"""Whether images in memory are held on the accelerator, where batches are then made."""

from typing import Literal

import torch

from litclassify.data.datasets.image_dataset import ImageDataset
from litclassify.data.datasets.in_memory import ImageTensorDataset
from litclassify.errors import UserError

MAX_RESIDENT_SHARE = 0.25
"""Of a CUDA device's free memory, for one data set."""

DeviceResident = bool | Literal["auto"]


def move_to_accelerator(dataset: ImageDataset, device: torch.device, wanted: DeviceResident, num_workers: int) -> None:
    """Move a data set to `device`, if it is an accelerator, as the argument `device_resident` wants it.

    Raises:
        UserError: It is wanted, and the training images are not held as one tensor.
    """
    if device.type == "cpu" or wanted is False or num_workers > 0:
        return
    if not isinstance(dataset, ImageTensorDataset):
        if wanted is True and dataset.split == "train":
            raise UserError(
                "data.device_resident=true needs images that are held in memory and have one size: "
                "set data.cache=ram if the data module has it, or leave out data.device_resident."
            )
    elif wanted is True or _fits(dataset, device):
        dataset.to(device)


def _fits(dataset: ImageTensorDataset, device: torch.device) -> bool:
    if device.type != "cuda":
        return False  # Only CUDA tells how much memory is free.
    free, _ = torch.cuda.mem_get_info(device)
    return dataset.nbytes <= MAX_RESIDENT_SHARE * free
