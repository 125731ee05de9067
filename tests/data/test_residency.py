import pytest
import torch
from torchvision.transforms import v2

from litclassify.data import ImageTensorDataset
from litclassify.data.datasets.files import ImageFilesDataset
from litclassify.data.datasets.image_dataset import Split
from litclassify.data.residency import move_to_accelerator
from litclassify.errors import UserError

META = torch.device("meta")  # An accelerator that is everywhere.


def in_memory(transform: v2.Transform | None = None, split: Split = "train") -> ImageTensorDataset:
    return ImageTensorDataset(torch.zeros((4, 1, 2, 2), dtype=torch.uint8), torch.zeros(4), transform, split)


@pytest.mark.parametrize(
    ("device", "wanted", "num_workers", "moved"),
    [
        (META, True, 0, True),
        (META, "auto", 0, False),  # It does not tell how much memory is free.
        (META, False, 0, False),
        (META, True, 2, False),
        (torch.device("cpu"), True, 0, False),
    ],
)
def test_tensor_moves_where_it_is_wanted(device, wanted, num_workers, moved):
    dataset = in_memory()
    move_to_accelerator(dataset, device, wanted, num_workers)
    assert (dataset.images.device == META) == moved
    assert dataset.device == dataset.images.device == dataset.targets.device


@pytest.fixture
def roomy(monkeypatch):
    """A CUDA device that says how much memory it has free, and copies nothing."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (2**30, 2**30))
    monkeypatch.setattr(ImageTensorDataset, "to", lambda dataset, device: setattr(dataset, "device", device))
    return torch.device("cuda")


class Noise(v2.Transform):
    """A transform of the user's own, which has parts and draws where images lie."""

    def __init__(self, transforms: list[v2.Transform]) -> None:
        super().__init__()
        self.transforms = transforms


@pytest.mark.parametrize(
    ("transform", "moved"),
    [
        (None, True),
        (v2.Compose([v2.RandomCrop(2, padding=1), v2.RandomHorizontalFlip()]), True),
        (v2.RandAugment(), True),
        (v2.Compose([v2.RandomResizedCrop(2), v2.RandomHorizontalFlip()]), True),
        # They draw from the generator of the device on which images are.
        (v2.AugMix(), False),
        (v2.Compose([v2.RandomHorizontalFlip(), v2.GaussianNoise()]), False),
        (v2.Compose([v2.RandomOrder([v2.RandomHorizontalFlip(), v2.GaussianNoise()])]), False),
        # What chooses draws from the generator of the CPU.
        (v2.Compose([v2.RandomApply([v2.RandomHorizontalFlip()]), v2.RandomChoice([v2.RandomResizedCrop(2)])]), True),
        (v2.Compose([Noise([v2.RandomHorizontalFlip()])]), False),
    ],
)
def test_only_what_draws_on_the_cpu_moves_by_itself(roomy, transform, moved):
    dataset = in_memory(transform)
    move_to_accelerator(dataset, roomy, "auto", 0)
    assert (dataset.device == roomy) == moved


def test_training_images_whose_transforms_may_draw_there_cannot_be_resident():
    with pytest.raises(UserError, match=r"data\.device_resident=true and AugMix do not go together"):
        move_to_accelerator(in_memory(v2.Compose([v2.RandAugment(), v2.AugMix()])), META, True, 0)


def test_evaluation_images_whose_transforms_may_draw_there_stay_where_they_are():
    dataset = in_memory(v2.AugMix(), "val")
    move_to_accelerator(dataset, META, True, 0)
    assert dataset.device == torch.device("cpu")


def test_training_files_cannot_be_resident():
    with pytest.raises(UserError, match=r"data\.device_resident=true needs images.*data\.cache=ram"):
        move_to_accelerator(ImageFilesDataset([], torch.zeros(0), None, 3, "train"), META, True, 0)


@pytest.mark.parametrize(("wanted", "split"), [("auto", "train"), (False, "train"), (True, "predict")])
def test_files_stay_where_they_are(wanted, split):
    dataset = ImageFilesDataset([], torch.zeros(0), None, 3, split)
    move_to_accelerator(dataset, META, wanted, 0)
    assert dataset.device == dataset.targets.device == torch.device("cpu")
