"""What data modules of image files share, wherever their labels come from."""

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, Literal

from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor
from torchvision.transforms import v2

from litclassify.data.augmentation.covering_resize import CoveringResize
from litclassify.data.augmentation.presets import Step, Views, padded_crop
from litclassify.data.augmentation.transforms import TransformList, compose
from litclassify.data.damage.bad_images import BadImages
from litclassify.data.damage.bad_samples import find_bad, find_missing, without_bad
from litclassify.data.datamodule import STAGE_SPLITS, ImageDataModule
from litclassify.data.datasets.files import ImageFilesDataset
from litclassify.data.datasets.image_cache import Shrink, cache_in_memory, cache_on_disk, is_small
from litclassify.data.datasets.image_dataset import ImageDataset, Split
from litclassify.data.datasets.in_memory import ImageTensorDataset
from litclassify.data.datasets.packed_images import PackedImages, PackedImagesDataset
from litclassify.data.decoding.decode import ChooseWindow
from litclassify.data.listing.exclusions import positions_left, read_exclusions
from litclassify.data.listing.labelled_files import LabelledFiles, Samples
from litclassify.errors import UserError

DEFAULT_SPLIT = 0.1
DEFAULT_BAD_SHARE = 0.1
CACHE_FOLDER = ".litclassify_cache"  # Hidden, so that it is not taken for a class.
# Random resized crops, which train on parts of an object, destroy it in images of up to this size.
SMALL_IMAGE = 64
# Mean and standard deviation of ImageNet, on which most pretrained networks were trained; gray: means over channels.
RGB_MEAN, RGB_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
GRAY_MEAN, GRAY_STD = [0.449], [0.226]

FindBad = Callable[[Sequence[str]], dict[str, str]]
"""Gives those of some files that cannot be read as an image, with the reason."""


class ImageFilesDataModule(ImageDataModule):
    """Image files with labels: splits, default transforms, statistics and cache.

    Args:
        val_split: Validation images where none are given, drawn from the training images with an equal share of every
            class: a count, or a fraction. null means 0.1, or a fold where val_fold is given.
        test_split: Test images where none are given, likewise. null means 0.1 if the data does not say which images
            are for training, and no test set if it does.
        image_size: Height and width in pixels that the default transforms give.
        grayscale: Read images as one channel instead of three.
        mean: Mean of each channel on the scale [0, 1], which the model subtracts. null means ImageNet's.
        std: Standard deviation of each channel on the scale [0, 1], which the model divides by. null means
            ImageNet's.
        cache: Decode images once, resized to a shorter side of cache_size, and apply the transforms to these.
            disk keeps them in a file in cache_dir, which all processes and later runs share until an image changes;
            ram keeps them in the memory of each training process, for one run. auto is ram where no image has to be
            resized for it, judged by some of them, and all together take no more than 1 GiB. null decodes every image
            each time. Images that are predicted are resized likewise with disk and ram.
        cache_size: Shorter side in pixels of cached images, at least 1; smaller images keep their size. Random crops
            show more detail the larger it is. null means image_size / 0.875, of which the default evaluation takes
            the central crop; of [H, W], what covers both.
        cache_dir: Folder of the cache on disk. null means .litclassify_cache in root.
        exclude: Images to leave out, by paths, absolute or relative to root: a text file with one path a line, as audit
            writes it, or a .csv file with a column `path`, such as the `bad_images.csv` of a run. Splits are drawn
            before, so that all other images stay in theirs.
        on_bad_image: What to do about images that cannot be read. error stops at the first. skip goes on without: in
            training, the next image of the class takes the place of each; validation and test images are all read
            before the first epoch, and leave out what is bad. report reads all images before training, those of test,
            too, and stops if one is bad. skip and report list what they find in `bad_images.csv` in the run.
        max_bad_share: With skip: the share of a split's images, in [0, 1], of which more are too many to go on. null
            means 0.1.
    """

    def __init__(
        self,
        *,
        val_split: int | float | None = None,
        test_split: int | float | None = None,
        image_size: int | tuple[int, int] = 224,
        grayscale: bool = False,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        cache: Literal["auto", "ram", "disk"] | None = "auto",
        cache_size: int | None = None,
        cache_dir: str | None = None,
        exclude: str | None = None,
        on_bad_image: Literal["error", "skip", "report"] = "error",
        max_bad_share: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_size=image_size, **kwargs)
        self.val_split = val_split
        self._drawn_for_val = self._held_out.val_share(val_split, DEFAULT_SPLIT)
        self.test_split = test_split
        self.grayscale = grayscale
        self._mean = self._per_channel(mean, GRAY_MEAN if grayscale else RGB_MEAN, "data.mean")
        self._std = self._per_channel(std, GRAY_STD if grayscale else RGB_STD, "data.std")
        if min(self._std) <= 0:
            raise UserError(f"data.std must be positive, got {std}.")
        self.cache = cache
        self.cache_size = _resized(self.image_size) if cache_size is None else cache_size
        if cache_size is not None and cache_size < 1:
            raise UserError(f"data.cache_size must be at least 1, got {cache_size}.")
        if cache_size is not None and cache is None:
            rank_zero_warn(f"data.cache_size={cache_size} has no effect without data.cache.")
        self._cache_size_is_given = cache_size is not None
        if cache_dir is not None and cache != "disk":
            rank_zero_warn(f"data.cache_dir='{cache_dir}' has no effect unless data.cache is disk.")
        self.cache_dir = cache_dir
        self.exclude = exclude
        self.on_bad_image = on_bad_image
        self.max_bad_share = DEFAULT_BAD_SHARE if max_bad_share is None else max_bad_share
        if not 0 <= self.max_bad_share <= 1:
            raise UserError(f"data.max_bad_share must be in [0, 1], got {max_bad_share}.")
        self._reported: set[str] = set()
        if max_bad_share is not None and on_bad_image != "skip":
            rank_zero_warn(f"data.max_bad_share={max_bad_share} has no effect unless data.on_bad_image is skip.")

    @property
    @abstractmethod
    def folder(self) -> str:
        """What relative paths are relative to, and where the cache goes by default."""

    @abstractmethod
    def _read_labels(self) -> LabelledFiles:
        """Find the images and their labels; called once."""

    @property
    @abstractmethod
    def _origin(self) -> str:
        """The argument that names the data, with its value, for messages."""

    @abstractmethod
    def _part(self, split: str) -> str:
        """What images of `split` are given by, for messages: `val/`."""

    @property
    def mean(self) -> list[float]:
        """Mean of each channel, on the scale [0, 1]."""
        return self._mean

    @property
    def std(self) -> list[float]:
        """Standard deviation of each channel, on the scale [0, 1]."""
        return self._std

    @property
    def num_channels(self) -> int:
        """1 for grayscale, 3 for RGB."""
        return 1 if self.grayscale else 3

    @classmethod
    def views(cls, image_size: tuple[int, int]) -> Views:
        """Central crops and crops of random size; of small images the whole, and shifted."""
        if max(image_size) <= SMALL_IMAGE:
            resize = Step(v2.Resize, {"size": image_size})
            return Views([resize], [resize, padded_crop(image_size, cls.padding_mode)], cls.mirrored)
        size, resized = {"size": image_size}, _resized(image_size)
        resize = Step(v2.Resize if isinstance(resized, int) else CoveringResize, {"size": resized})
        crop = Step(v2.RandomResizedCrop, size | _proportions(image_size))
        return Views([resize, Step(v2.CenterCrop, size)], [crop], cls.mirrored)

    def default_train_transform(self) -> TransformList:
        """Random crops and mirroring."""
        return self._preset("flip_crop")

    def default_eval_transform(self) -> TransformList:
        """The central crop; of small images, the whole."""
        return self._preset("none")

    def setup(self, stage: str) -> None:
        """Build the data sets that `stage` needs.

        Raises:
            UserError: Images cannot be read, and `on_bad_image` stops at that.
        """
        if self.on_bad_image == "report" and stage != "predict":
            # A training may end with a test: what is wrong there is to be known now.
            self._report([*self.samples] if stage == "fit" else STAGE_SPLITS[stage])
        super().setup(stage)

    def _make_dataset(self, split: Literal["train", "val", "test"]) -> ImageDataset:
        if split not in self.samples:
            raise UserError(
                f"There is no test set: {self._origin} has {self._part('train')} but no {self._part('test')}. Add "
                "some, set data.test_split to draw it from the training images, or, to predict on other images, set "
                "data.path."
            )
        samples = self.samples[split]
        transform = compose(self.transform_list(split))
        cache = self._chosen_cache
        if cache is None:
            # There are most training images: bad ones among them are found as they are met.
            samples = self._readable(split, samples, None if split == "train" else find_bad)
            # What is lost later has a stand-in in an epoch's validation. A test, which can be repeated, stops.
            listed = self.bad_images if self._skips and split != "test" else None
            return ImageFilesDataset(
                samples.paths, samples.targets, transform, self.num_channels, split, bad_images=listed
            )
        images = self._images_on_disk if cache == "disk" else self._images_in_memory(samples)
        samples = self._readable(split, samples, partial(find_missing, images.missing))
        pixels = images.as_tensor()
        if pixels is None:
            return PackedImagesDataset(samples.paths, samples.targets, transform, images, split)
        places = images.places(samples.paths)
        return ImageTensorDataset(pixels, samples.targets, transform, split, places, samples.paths)

    def _test_set_to_predict(self) -> ImageDataset:
        """Read what a cache would hold: images that are seen once need none, and one that is damaged stops nothing."""
        if "test" not in self.samples:
            return self._dataset("test")
        samples, transform = self.samples["test"], compose(self.transform_list("test"))
        window = None if self._chosen_cache is None else Shrink(self.cache_size)
        return ImageFilesDataset(samples.paths, samples.targets, transform, self.num_channels, "test", window)

    def _window_to_predict(self) -> ChooseWindow | None:
        """What a cache would hold, so that other images look as those of the test set."""
        return Shrink(self.cache_size) if self.cache in ("ram", "disk") else None

    def num_images(self, split: Literal["train", "val", "test"]) -> int:
        """Number of images of `split`, without those that are left out as it is built."""
        dataset = self._datasets.get(split)
        if dataset is not None:
            return len(dataset)
        return len(self.samples[split].paths) if split in self.samples else 0

    def _training_targets(self) -> Tensor:
        return self.samples["train"].targets

    @cached_property
    def _chosen_cache(self) -> Literal["ram", "disk"] | None:
        if self.cache != "auto":
            return self.cache
        if is_small(self._all_paths, self.num_channels, self.cache_size):
            return "ram"
        if self._cache_size_is_given:
            rank_zero_warn(
                f"data.cache_size={self.cache_size} has no effect: data.cache=auto holds no images that have to be "
                "resized for it, or take more than 1 GiB. Set data.cache to ram or disk."
            )
        return None

    @cached_property
    def bad_images(self) -> BadImages:
        """The list of images that cannot be read, where they do not end the command at once."""
        return BadImages(self.folder, self.max_bad_share, self.exclude)

    @property
    def _skips(self) -> bool:
        return self.on_bad_image == "skip"

    def _readable(self, split: Split, samples: Samples, find: FindBad | None) -> Samples:
        """Do without the images that `find` gives, if that is wanted."""
        if not self._skips:
            return samples
        self.bad_images.expect(split, samples.paths)
        bad = {} if find is None else find(samples.paths)
        self.bad_images.record(split, bad)
        return without_bad(samples, bad, split)

    def _report(self, splits: Sequence[str]) -> None:
        """Read all images of these splits, unless they have been read."""
        for split in splits:
            if split in self.samples and split not in self._reported:
                self._reported.add(split)
                paths = self.samples[split].paths
                self.bad_images.expect(split, paths)
                self.bad_images.add(split, find_bad(paths))
        self.bad_images.refuse_any()

    def _images_in_memory(self, samples: Samples) -> PackedImages:
        return cache_in_memory(samples.paths, self.num_channels, self.cache_size, passes_over=self._skips)

    @cached_property
    def _images_on_disk(self) -> PackedImages:
        """The images of all splits, so that no choice of splits makes another cache."""
        cache_dir = os.path.join(self.folder, CACHE_FOLDER) if self.cache_dir is None else self.cache_dir
        folder, paths = os.path.expanduser(cache_dir), self._all_paths
        return cache_on_disk(self.folder, paths, self.num_channels, self.cache_size, folder, passes_over=self._skips)

    @property
    def _all_paths(self) -> list[str]:
        return sorted(path for samples in self.samples.values() for path in samples.paths)

    @cached_property
    def samples(self) -> dict[str, Samples]:
        """The images of each split that there is, under "train", "val" and "test"; the first use looks for them.

        Raises:
            UserError: They cannot be trained on as they are.
        """
        excluded, files = self.excluded_paths, self._read_labels()
        if self.val_fold is not None and "val" in files.evaluation:
            raise UserError(
                f"data.val_fold={list(self.val_fold)}: {self._origin} has {self._part('val')} to validate on. Move "
                "these to the training images, or leave val_fold out."
            )
        val_split = self._share("val", self.val_split, self._drawn_for_val, files)
        test_split = self._share("test", self.test_split, None if files.divided else DEFAULT_SPLIT, files)
        training = files.training
        names = [path.removeprefix(self.folder) for path in training.paths]
        parts = self._hold_out(training.targets, val_split, test_split, training.groups, names)
        drawn = {name: training.take(part) for name, part in parts.items() if part}
        # After the draw: what is excluded moves no other image from one split to another.
        return self._without(excluded, drawn | files.evaluation)

    @cached_property
    def excluded_paths(self) -> frozenset[str]:
        """The files that `exclude` lists, as absolute paths."""
        return frozenset() if self.exclude is None else read_exclusions(self.exclude, self.folder)

    def _without(self, excluded: frozenset[str], parts: dict[str, Samples]) -> dict[str, Samples]:
        if not excluded:
            return parts
        left = {name: part.take(positions_left(part.paths, excluded)) for name, part in parts.items()}
        total, kept = (sum(len(part.paths) for part in some.values()) for some in (parts, left))
        rank_zero_info(f"data.exclude leaves out {total - kept} of {total} images.")
        before, after = (self.count_classes(some["train"].targets) for some in (parts, left))
        for name, lost in zip(self.class_names, ((before > 0) & (after == 0)).tolist(), strict=True):
            if lost:
                raise UserError(f"data.exclude='{self.exclude}' leaves no training image of the class '{name}'.")
        for name, part in left.items():
            if not part.paths:
                raise UserError(f"data.exclude='{self.exclude}' leaves no image in {self._part(name)}.")
        return left

    def _share(
        self, name: str, given: int | float | None, default: float | None, files: LabelledFiles
    ) -> int | float | None:
        """What to draw from the training images for the split `name`; nothing if its images are given."""
        if name not in files.evaluation:
            return default if given is None else given
        if given is not None:
            rank_zero_warn(f"data.{name}_split={given} has no effect: {self._origin} has {self._part(name)}.")
        return None

    def _per_channel(self, values: list[float] | None, default: list[float], key: str) -> list[float]:
        values = default if values is None else values
        if len(values) != self.num_channels:
            raise UserError(f"{key} needs {self.num_channels} number(s), one per channel, got {values}.")
        if not all(0 <= value <= 1 for value in values):
            raise UserError(f"{key} is on the scale [0, 1] of pixel values, got {values}. Divide by 255?")
        return list(values)


def folder_at(path: str) -> str:
    """Give the folder of images that an argument names; names in it do not depend on separators at the end."""
    path = os.path.expanduser(path)
    return path.rstrip(os.sep) or path[:1]


def _resized(image_size: tuple[int, int]) -> int | tuple[int, int]:
    """What images cover of which the central crop shows 7/8, as is usual on ImageNet: 256 for 224."""
    height, width = (round(side / 0.875) for side in image_size)
    return height if height == width else (height, width)


def _proportions(image_size: tuple[int, int]) -> dict[str, tuple[float, float]]:
    """The range of proportions of random crops, by which resizing may distort them; of squares, torchvision's own."""
    height, width = image_size
    return {} if height == width else {"ratio": (3 / 4 * width / height, 4 / 3 * width / height)}
