import pytest
import torch

from litclassify.data import ImageTensorDataset
from litclassify.data.datasets.files import ImageFilesDataset
from litclassify.data.residency import move_to_accelerator
from litclassify.errors import UserError

META = torch.device("meta")  # An accelerator that is everywhere.


def in_memory() -> ImageTensorDataset:
    return ImageTensorDataset(torch.zeros((4, 1, 2, 2), dtype=torch.uint8), torch.zeros(4), None, "train")


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


def test_training_files_cannot_be_resident():
    with pytest.raises(UserError, match=r"data\.device_resident=true needs images.*data\.cache=ram"):
        move_to_accelerator(ImageFilesDataset([], torch.zeros(0), None, 3, "train"), META, True, 0)


@pytest.mark.parametrize("wanted", ["auto", False])
def test_files_stay_where_they_are(wanted):
    move_to_accelerator(ImageFilesDataset([], torch.zeros(0), None, 3, "train"), META, wanted, 0)


def test_files_to_predict_on_stay_where_they_are():
    move_to_accelerator(ImageFilesDataset([], torch.zeros(0), None, 3, "predict"), META, True, 0)
