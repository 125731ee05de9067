"""Published data sets with a test set of their own."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

from torch import Tensor

from litclassify.data.in_memory_datamodule import InMemoryDataModule
from litclassify.errors import UserError
from litclassify.files.locks import exclusive

LOCK = ".download.lock"


class DownloadedDataModule(InMemoryDataModule):
    """A data set that is downloaded once; validation images are drawn from its training images.

    Args:
        root: Folder to keep downloads in. Files that are there already are used as they are, offline too.
        val_split: Validation images, drawn from the training images with an equal share of every class: a
            count, or a fraction. null means 5000, or a fold where val_fold is given.
    """

    def __init__(self, *, root: str = "data", val_split: int | float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = os.path.expanduser(root)
        self.val_split = self._held_out.val_share(val_split, 5000)

    @abstractmethod
    def _is_complete(self) -> bool:
        """Whether all files are on disk."""

    @abstractmethod
    def _download(self) -> None:
        """Bring the files that are missing."""

    @abstractmethod
    def _read(self, train: bool) -> tuple[Tensor, Tensor]:
        """Images, uint8 (N, C, H, W), and targets, int64 (N,), of the published training or test set."""

    @abstractmethod
    def _count_test_images(self) -> int:
        """Number of images of the published test set, by the sizes of its files."""

    @abstractmethod
    def _where(self) -> str:
        """Which files to put where, to do without the download."""

    def prepare_data(self) -> None:
        """Download what is missing.

        Of several processes, one does and the others wait: those of torchrun count the classes before they know of
        each other.

        Raises:
            UserError: The download failed.
        """
        if self.path is not None and self.trainer is not None and self.trainer.predicting:
            return  # Predicting on the user's own files.
        if self._is_complete():
            return  # Also where nothing can be written.
        with self._explained("could not be downloaded"):
            os.makedirs(self.root, exist_ok=True)
            with exclusive(os.path.join(self.root, LOCK), f"downloading into '{self.root}'"):
                if not self._is_complete():
                    self._download()

    def num_images(self, split: Literal["train", "val", "test"]) -> int | None:
        """Number of images of `split`, once training is set up."""
        count = super().num_images(split)
        return self._count_test_images() if count is None and split == "test" else count

    def _load(self, split: Literal["train", "val", "test"]) -> tuple[Tensor, Tensor, list[int] | None]:
        images, targets = self._test_pool if split == "test" else self._train_pool
        if split == "test":
            return images, targets, None
        return images, targets, self._hold_out(targets, self.val_split, None)[split]

    @cached_property
    def _train_pool(self) -> tuple[Tensor, Tensor]:
        """Training and validation images: one tensor for both."""
        with self._explained("could not be read"):
            return self._read(train=True)

    @cached_property
    def _test_pool(self) -> tuple[Tensor, Tensor]:
        with self._explained("could not be read"):
            return self._read(train=False)

    @contextmanager
    def _explained(self, failure: str) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError) as error:
            reason = str(error).strip()
            raise UserError(
                f"{type(self).__name__} {failure} (data.root='{self.root}'):\n{reason}\n"
                f"To do without a download, {self._where()}"
            ) from error
