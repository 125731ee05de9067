"""Any number of synthetic images that take next to no memory, to be given to the command line by --allow_import."""

import torch
from torch import Tensor

from litclassify.data.in_memory_datamodule import DataFacts, InMemoryDataModule


class Synthetic(InMemoryDataModule):
    """256 images of random pixels, again and again."""

    facts = DataFacts(class_names=tuple("abcdefghij"), image_size=(4, 4), mean=(0.5,), std=(0.5,))

    def __init__(self, count: int = 256, image_size: int = 4, **kwargs) -> None:
        super().__init__(image_size=image_size, **kwargs)
        self.count = count

    def _load(self, split: str) -> tuple[Tensor, Tensor, Tensor]:
        images = torch.randint(256, (256, 1, 4, 4), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
        rows = torch.arange(self.count if split == "test" else 256) % 256
        return images, torch.arange(256) % 10, rows
