"""How batches are loaded: by which processes, and from where to where."""

from typing import Literal, TypeVar

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, Dataset, Sampler

from litclassify.data.datasets.image_dataset import ImageDataset
from litclassify.data.decoding.reading import usable_cpus
from litclassify.data.residency import DeviceResident, move_to_accelerator
from litclassify.data.worker_processes import end_those_left_at_exit, leave_signals_to_the_main_process

MAX_AUTO_WORKERS = 8
T = TypeVar("T")


def make_loader(
    dataset: ImageDataset,
    batches: Dataset[T],
    batch_size: int,
    sampler: Sampler[int] | None,
    *,
    drop_last: bool,
    num_workers: int | Literal["auto"],
    device_resident: DeviceResident,
    trainer: Trainer | None,
) -> DataLoader[T]:
    """Load `batches`, which are made of the images of `dataset`.

    Args:
        dataset: Goes to the accelerator of `trainer`, if `device_resident` has it there.
        batches: Gives whole batches.
        batch_size: Images of a batch.
        sampler: The order; None is that of the data set.
        drop_last: Whether to leave out a last batch that is smaller.
        num_workers: As in `ImageDataModule`.
        device_resident: Likewise.
        trainer: That of the run; None without any.
    """
    processes = _auto_workers(dataset, device_resident, trainer) if num_workers == "auto" else num_workers
    if trainer is not None:
        move_to_accelerator(dataset, trainer.strategy.root_device, device_resident, processes)
    if processes > 0:
        end_those_left_at_exit()
    return DataLoader(
        batches,
        batch_size=batch_size,  # By keyword: Lightning builds the loader anew from its arguments.
        sampler=sampler,
        drop_last=drop_last,
        num_workers=processes,
        persistent_workers=processes > 0,
        collate_fn=_identity,  # Data sets return whole batches.
        pin_memory=_trains_on_cuda(trainer) and dataset.device.type == "cpu",
        # To begin anew, a loader draws a number: not from the generator that a training draws from.
        generator=torch.Generator().manual_seed(0),
        worker_init_fn=leave_signals_to_the_main_process,
    )


def _auto_workers(dataset: ImageDataset, device_resident: DeviceResident, trainer: Trainer | None) -> int:
    """Choose none for images in memory, but where a GPU would wait for them to be transformed one by one.

    On a CPU, processes take cores that the training uses, and where they are spawned, seconds to start.
    """
    a_gpu_waits = not dataset.is_batched and _trains_on_cuda(trainer)
    # Where images are to lie on the accelerator, processes cannot reach them.
    alone = dataset.in_memory and (device_resident is True or not a_gpu_waits)
    return 0 if alone else min(usable_cpus(), MAX_AUTO_WORKERS)


def _trains_on_cuda(trainer: Trainer | None) -> bool:
    """Whether batches go to a CUDA device; without a trainer, whether they may."""
    if trainer is None:
        return torch.cuda.is_available()
    return trainer.strategy.root_device.type == "cuda"


def _identity(batch: T) -> T:
    return batch
