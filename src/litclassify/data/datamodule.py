"""What every data module shares: arguments, stages, loaders and prediction on files."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeVar

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from litclassify.data.arguments import as_height_width, as_seed, at_least
from litclassify.data.augmentation.presets import NamedTransforms, Views, build, padded_crop, preset_steps
from litclassify.data.augmentation.transforms import TransformList, check_transforms, compose
from litclassify.data.datasets.files import ImageFilesDataset
from litclassify.data.datasets.image_dataset import ImageDataset, Sample, Split, transformed
from litclassify.data.datasets.prediction_dataset import PredictionDataset, PredictionSample
from litclassify.data.decoding.decode import ChooseWindow
from litclassify.data.listing.class_folders import folder_targets
from litclassify.data.listing.find_images import find_images
from litclassify.data.loaders import make_loader
from litclassify.data.residency import DeviceResident
from litclassify.data.samplers import InOrderSampler, ShuffledSampler, even_batch_size
from litclassify.data.splitting.folds import Fold
from litclassify.data.splitting.held_out import HeldOut, warn_of_others
from litclassify.errors import UserError
from litclassify.randomness import global_seed

STAGE_SPLITS: dict[str, tuple[Split, ...]] = {
    "fit": ("train", "val"),
    "validate": ("val",),
    "test": ("test",),
    "predict": ("predict",),
}
T = TypeVar("T")


class ImageDataModule(LightningDataModule, ABC):
    """Images and their classes, for training, evaluation and prediction.

    A batch is `(images, targets)`: uint8 (N, C, H, W), or float in [0, 1] if the transforms yield that, and
    int64 (N,). Images are not normalised: the model does so, with the `mean` and `std` published here.

    Args:
        image_size: Height and width of the images in pixels; one number for a square, or [H, W].
        batch_size: Images per batch and device, at least 1.
        num_workers: Processes that load images, per loader; 0 loads in the main process. auto means one for each
            usable CPU, 8 at most; for images in memory none, unless a GPU trains and they are transformed one by one.
        device_resident: Hold images that are in memory as one tensor on the accelerator and make batches there:
            nothing is left to copy while training. auto does so on a CUDA device if they take no more than a quarter
            of its free memory and no transform may draw random numbers there, as AugMix does. On the CPU it has no
            effect.
        train_transform: Transforms of training images, applied in order, in place of the data set's own; null
            means the data set's own. Classes of torchvision.transforms.v2 need no prefix. Leave out
            Normalize: the model does it. In place of the list, or in it, the name of a preset stands for transforms
            that fit the data and image_size.
        eval_transform: A list for validation, test and prediction images.
        seed: Of the draw of validation and test images, where the data set comes without; in [0, 2**32).
        val_fold: Cross-validation: [i, k] divides the training images into k folds, each with an equal share of every
            class, and validates on fold i, counted from 0, in place of val_split. The test images stay the same.
        path: Images to predict on: a file, a folder, a glob, or a .txt file with one path per line. null
            means the test set.
        class_balance: How far training makes up for unequal classes, in [0, 1]: a class of n images is drawn in
            proportion to n ** (1 - class_balance). 0 shows every image once an epoch, 0.5 is square-root sampling, 1
            shows all classes equally often. The length of an epoch stays.
        augmentation_repeats: How often a training image comes in succession, at least 1, transformed anew each time
            (repeated augmentation). The length of an epoch stays: with k, it shows one kth of the images.
    """

    mirrored: ClassVar[bool] = True
    """Whether a mirrored image is still of its class."""
    padding_mode: ClassVar[Literal["constant", "reflect"]] = "reflect"
    """What comes in from beyond the borders of an image that is shifted: black, or the image, mirrored."""
    predicted_batches: int = 0
    """How many batches of each process are predicted already: the loader leaves them out."""
    folder_classes: Sequence[str] = ()
    """Classes for which the folders in `path` may be named: images of such a folder have a target."""

    def __init__(
        self,
        *,
        image_size: int | tuple[int, int],
        batch_size: int = 64,
        num_workers: int | Literal["auto"] = "auto",
        device_resident: DeviceResident = "auto",
        train_transform: NamedTransforms | None = None,
        eval_transform: TransformList | None = None,
        seed: int = 0,
        val_fold: Fold | None = None,
        path: str | None = None,
        class_balance: float = 0.0,
        augmentation_repeats: int = 1,
    ) -> None:
        super().__init__()
        named = [train_transform] if isinstance(train_transform, str) else train_transform
        check_transforms(named, "data.train_transform")
        check_transforms(eval_transform, "data.eval_transform")
        self.image_size = as_height_width(image_size)
        self.batch_size = at_least(1, batch_size, "data.batch_size")
        self.num_workers = num_workers if num_workers == "auto" else at_least(0, num_workers, "data.num_workers")
        self.device_resident = device_resident
        if device_resident is True and num_workers not in ("auto", 0):
            raise UserError(
                f"data.device_resident=true makes batches on the accelerator, without workers, got data.num_workers="
                f"{num_workers}: leave one of them out."
            )
        self.train_transform = named
        self.eval_transform = eval_transform
        self.seed = as_seed(seed)
        self.val_fold = val_fold
        self._held_out = HeldOut(val_fold)
        self.path = path
        self.class_balance = class_balance
        if not 0 <= class_balance <= 1:
            raise UserError(f"data.class_balance must be in [0, 1], got {class_balance}.")
        self.augmentation_repeats = at_least(1, augmentation_repeats, "data.augmentation_repeats")
        self._datasets: dict[Split, ImageDataset] = {}
        self._save_plain_hyperparameters()

    @property
    @abstractmethod
    def class_names(self) -> list[str]:
        """Name of each class, in the order of the targets; at least 2."""

    @property
    @abstractmethod
    def mean(self) -> list[float]:
        """Mean of each channel, on the scale [0, 1]."""

    @property
    @abstractmethod
    def std(self) -> list[float]:
        """Standard deviation of each channel, on the scale [0, 1]."""

    @property
    @abstractmethod
    def num_channels(self) -> int:
        """1 for grayscale, 3 for RGB."""

    @abstractmethod
    def _make_dataset(self, split: Literal["train", "val", "test"]) -> ImageDataset:
        """The images of one split, with `transform_list(split)` applied."""

    @classmethod
    def views(cls, image_size: tuple[int, int]) -> Views:
        """How presets cut images to `image_size` (H, W)."""
        return Views([], [padded_crop(image_size, cls.padding_mode)], cls.mirrored)

    def _preset(self, name: str) -> TransformList:
        return build(preset_steps(name, self.image_size, self.views(self.image_size)))

    def default_train_transform(self) -> TransformList:
        """Transforms of training images if the user gives none."""
        return []

    def default_eval_transform(self) -> TransformList:
        """Transforms of all other images if the user gives none."""
        return []

    def _resize_first(self, source_size: tuple[int, int] | None) -> TransformList:
        """What is done to images of `source_size` (H, W), None for any size, before the transforms above."""
        return []

    @property
    def multi_label(self) -> bool:
        """Whether targets are multi-hot labels, bool (N, K), as `MultiLabelClassifier` takes them."""
        return False

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what the network gets: an image that went through the transforms.

        Raises:
            UserError: The transforms cannot be applied, or give no image.
        """
        image = torch.zeros((self.num_channels, *self.image_size), dtype=torch.uint8)
        transform = compose(self.transform_list("test"))
        shown = image if transform is None else transformed(image, transform, "test", "a black image")
        channels, height, width = shown.shape
        return channels, height, width

    @property
    def class_counts(self) -> list[int]:
        """Number of training images of each class; they are found, or downloaded, if they are not yet."""
        self.prepare_data()
        return self.count_classes(self._training_targets()).tolist()

    def count_classes(self, targets: Tensor) -> Tensor:
        """Number of images of each class, int64 (K,), by targets: classes (N,), or multi-hot (N, K)."""
        return targets.sum(dim=0) if self.multi_label else torch.bincount(targets, minlength=self.num_classes)

    def num_images(self, split: Literal["train", "val", "test"]) -> int | None:
        """Number of images of `split`, once training is set up; None where just building the split would tell."""
        dataset = self._datasets.get(split)
        return self._held_out.counts.get(split) if dataset is None else len(dataset)

    @property
    def drawn_splits(self) -> list[str]:
        """Which of "val" and "test" were drawn from the training images."""
        return self._held_out.splits

    def _training_targets(self) -> Tensor:
        """Class of each training image, int64 (N,)."""
        return self._dataset("train").targets

    def transform_list(self, split: Split) -> TransformList:
        """Transforms of the images of `split`: the user's, or else the default."""
        if split == "train":
            if self.train_transform is None:
                return self.default_train_transform()
            parts = [self._preset(item) if isinstance(item, str) else [item] for item in self.train_transform]
            return [transform for part in parts for transform in part]
        return self.default_eval_transform() if self.eval_transform is None else self.eval_transform

    def setup(self, stage: str) -> None:
        """Build the data sets that `stage` (fit, validate, test or predict) needs."""
        if self.path is not None and stage != "predict":
            rank_zero_warn(f"data.path='{self.path}' has no effect here: only predict reads it.")
        if stage == "fit" and self.augmentation_repeats > 1 and not self.transform_list("train"):
            raise UserError(
                f"data.augmentation_repeats={self.augmentation_repeats} shows images that are all alike: there is no "
                "train_transform. Set data.train_transform, or leave it out."
            )
        for split in STAGE_SPLITS[stage]:
            self._dataset(split)
        if self.val_fold is not None and "val" in self._datasets and not self._held_out.has_drawn_fold:
            name = type(self).__name__
            raise UserError(f"data.val_fold has no effect: {name} does not divide its images with _hold_out.")
        if stage == "fit" and self.train_transform is not None:
            self._compare_sizes()

    def _compare_sizes(self) -> None:
        """Warn where training images have neither the size that is asked for nor that of validation images."""
        trained, validated = self._dataset("train")[0][0].shape[-2:], self.image_shape[-2:]
        if trained not in (self.image_size, validated):
            given, asked, seen = (f"{height}x{width}" for height, width in (trained, self.image_size, validated))
            rank_zero_warn(
                f"data.train_transform gives {given} images, but data.image_size is {asked} and validation sees "
                f"{seen}. Of a preset, a config holds the transforms for the image_size that it was given for: for "
                "another one, name the preset again."
            )

    def train_dataloader(self) -> DataLoader[Sample]:
        """Shuffled by the global seed and the epoch."""
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Sample]:
        """In order."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Sample]:
        """In order."""
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[PredictionSample]:
        """In order; `dataset.paths` says which image is which.

        A batch with images that cannot be read has a third part, the reason for each.
        """
        dataset = self._dataset("predict")
        sampler = InOrderSampler(
            dataset, self._world_size, self._rank, skipped=self.predicted_batches * self.batch_size
        )
        return self._make_loader(dataset, PredictionDataset(dataset, self.image_shape), self.batch_size, sampler)

    def files_dataloader(self, paths: Sequence[str]) -> DataLoader[PredictionSample]:
        """Any image files, in order, as `predict` sees them, with batches of the same kind."""
        dataset = self._files_to_predict(paths, [-1] * len(paths))
        return self._make_loader(dataset, PredictionDataset(dataset, self.image_shape), self.batch_size, None)

    @property
    def predict_dataset(self) -> ImageDataset:
        """What `predict` sees, in order."""
        return self._dataset("predict")

    def _dataset(self, split: Split) -> ImageDataset:
        if split not in self._datasets:
            self._datasets[split] = self._predict_dataset() if split == "predict" else self._make_dataset(split)
            self._datasets[split].seed = global_seed()
        return self._datasets[split]

    def _hold_out(
        self,
        targets: Sequence[int] | Tensor,
        val_split: int | float | None,
        test_split: int | float | None,
        groups: Tensor | None = None,
        names: Sequence[str] | None = None,
    ) -> dict[str, list[int]]:
        """Sorted indices under "train", "val" and "test" of a pool of images, whose groups are not divided.

        Images are known by `names` in later runs; by their indices, if None.
        """
        return self._held_out.draw(
            targets,
            val_split=val_split,
            test_split=test_split,
            seed=self.seed,
            class_names=self.class_names if self.val_fold else (),
            groups=groups,
            names=names,
        )

    def state_dict(self) -> dict[str, Any]:
        """Give what tells later whether the same images are held out of training: a digest of each part drawn."""
        return {"drawn": self._held_out.digests}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Warn of images that are evaluated on and were not held out in the training that the checkpoint is of."""
        command = None if self.trainer is None else self.trainer.state.fn
        if self.path is None or command != TrainerFn.PREDICTING:
            warn_of_others(self._held_out.digests, state_dict["drawn"], command)

    def _predict_dataset(self) -> ImageDataset:
        if self.path is None:
            return self._test_set_to_predict()
        paths = find_images(self.path)
        return self._files_to_predict(paths, folder_targets(self.path, paths, self.folder_classes))

    def _files_to_predict(self, paths: Sequence[str], targets: list[int]) -> ImageDataset:
        transform = compose(self._resize_first(None) + self.transform_list("predict"))
        window = self._window_to_predict()
        return ImageFilesDataset(paths, torch.tensor(targets), transform, self.num_channels, "predict", window)

    def _window_to_predict(self) -> ChooseWindow | None:
        """What of a file is read before the transforms; None leaves it to the first of them."""
        return None

    def _test_set_to_predict(self) -> ImageDataset:
        return self._dataset("test")

    def _loader(self, split: Literal["train", "val", "test"]) -> DataLoader[Sample]:
        dataset = self._dataset(split)
        sampler: Sampler[int] | None = None
        batch_size = self.batch_size
        if split == "train":
            if self.multi_label and self.class_balance:
                raise UserError(f"data.class_balance={self.class_balance} needs images with one class each.")
            sampler = ShuffledSampler(
                dataset,
                global_seed(),
                self._world_size,
                self._rank,
                class_balance=self.class_balance,
                repeats=self.augmentation_repeats,
            )
        elif self._world_size > 1 and len(dataset) >= self._world_size:
            # Lightning's own choice repeats images until all processes have as many: metrics would not be exact.
            sampler = UnrepeatedDistributedSampler(dataset, self._world_size, self._rank, shuffle=False)
            batch_size = even_batch_size(batch_size, len(dataset), self._world_size)
        drop_last = split == "train" and self._ends_with_a_single_image(len(dataset))
        return self._make_loader(dataset, dataset, batch_size, sampler, drop_last)

    def _make_loader(
        self,
        dataset: ImageDataset,
        batches: Dataset[T],
        batch_size: int,
        sampler: Sampler[int] | None,
        drop_last: bool = False,
    ) -> DataLoader[T]:
        return make_loader(
            *(dataset, batches, batch_size, sampler),
            drop_last=drop_last,
            num_workers=self.num_workers,
            device_resident=self.device_resident,
            trainer=self.trainer,
        )

    @property
    def _world_size(self) -> int:
        return 1 if self.trainer is None else self.trainer.world_size

    @property
    def _rank(self) -> int:
        return 0 if self.trainer is None else self.trainer.global_rank

    def _ends_with_a_single_image(self, num_images: int) -> bool:
        """Whether the last training batch is a single image: batch normalisation cannot train on it."""
        share = math.ceil(num_images / self._world_size)
        return share > self.batch_size and share % self.batch_size == 1

    def _save_plain_hyperparameters(self) -> None:
        # Looking for the frame, Lightning would keep it, and all that its callers hold, until garbage is collected.
        self.save_hyperparameters(logger=False, frame=inspect.currentframe())
        # The command line stores transforms as the config they came from. Transforms built in Python are
        # objects, which torch.load(weights_only=True) refuses: those are left out.
        keys = ["train_transform", "eval_transform"]
        objects = [key for key in keys if not all(isinstance(t, str | dict) for t in self.hparams[key] or [])]
        self.save_hyperparameters(logger=False, ignore=objects, frame=inspect.currentframe())
