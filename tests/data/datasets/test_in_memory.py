from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from torch import Tensor
from torch.utils.data import default_collate
from torchvision.transforms import v2

from litclassify.data import Digits, ImageTensorDataset
from litclassify.data.datasets.image_dataset import Sample
from litclassify.errors import UserError

IMAGES = torch.randint(0, 256, (20, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(20)


@pytest.mark.parametrize("transform", [None, v2.Resize((3, 3))])
def test_batched_fetch_equals_collating_one_by_one(transform):
    dataset = ImageTensorDataset(IMAGES, TARGETS, transform, "val")
    indices = [7, 3, 3, 19]
    images, targets = dataset.__getitems__(indices)
    expected_images, expected_targets = default_collate([dataset[i] for i in indices])
    assert images.dtype == torch.uint8
    assert targets.dtype == torch.int64
    assert torch.equal(images, expected_images)
    assert torch.equal(targets, expected_targets)


def test_samples_are_identified_by_split_and_index():
    dataset = ImageTensorDataset(IMAGES, TARGETS, None, "test")
    assert len(dataset) == len(dataset.paths) == 20
    assert dataset.paths[17] == "test/17"


@pytest.mark.parametrize("transform", [None, lambda image: image.zero_()])
def test_changing_a_batch_in_place_leaves_the_data_set_as_it_was(transform):
    stored = IMAGES.clone()
    dataset = ImageTensorDataset(stored, TARGETS, transform, "train")
    dataset.__getitems__([1, 2])[0].zero_()
    dataset[3][0].zero_()
    assert torch.equal(stored, IMAGES)


@pytest.mark.parametrize(("split", "key"), [("train", "train_transform"), ("predict", "eval_transform")])
def test_sizes_that_differ_within_a_batch_are_refused(split, key):
    dataset = ImageTensorDataset(IMAGES, TARGETS, lambda image: image[:, : int(image[0, 0, 0]) % 5 + 1], split)
    with pytest.raises(UserError, match=rf"data\.{key} there are \(3, \d, 5\) and \(3, \d, 5\)"):
        dataset.__getitems__(list(range(20)))


def test_device_resident_goes_without_workers() -> None:
    with pytest.raises(UserError, match="device_resident=true.*num_workers=2"):
        Digits(device_resident=True, num_workers=2)


@pytest.mark.gpu
@pytest.mark.parametrize("resident", [True, False, "auto"])
def test_batches_are_made_where_the_images_are(tmp_path: Path, resident: bool | str) -> None:
    class Model(BoringModel):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(64, 2)

        def training_step(self, batch: Sample, batch_idx: int) -> Tensor:
            assert batch[0].is_cuda
            return self.layer(batch[0].flatten(1) / 255).sum()

        def validation_step(self, batch: Sample, batch_idx: int) -> None:
            assert batch[0].is_cuda

    data = Digits(device_resident=resident, batch_size=32)
    Trainer(accelerator="gpu", devices=1, max_epochs=1, default_root_dir=tmp_path, logger=False).fit(Model(), data)
    assert data._dataset("train").device.type == ("cpu" if resident is False else "cuda")
