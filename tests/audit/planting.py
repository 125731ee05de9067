"""A data set with one fault of every kind, each at a known place."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

PAGE = "<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>"


def underexposed(image: Image.Image) -> Image.Image:
    """Leave nothing but the brightest tenth of the pixels of an image."""
    pixels, gray = np.asarray(image).reshape(-1, 3), np.asarray(image.convert("L")).ravel()
    lights = gray.argsort(kind="stable")[-len(gray) // 10 :]
    darkened = pixels // 60
    darkened[lights] = pixels[lights]
    return Image.fromarray(darkened.reshape(image.height, image.width, 3))


@dataclass
class Planted:
    """Faults by name, each with the kind that an audit is to give and where."""

    expected: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Kind of finding, and the path relative to the root, or the class."""
    swapped: set[str] = field(default_factory=set)
    """Paths of images with another class's label."""


class Planter:
    """Plants faults in a data set of `train/` and `test/` with class folders of JPEGs.

    Args:
        root: The data set, which is changed.
        seed: Of the choice of images.
    """

    def __init__(self, root: Path, seed: int = 0) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.classes = sorted(folder.name for folder in (root / "train").iterdir())
        self.unused = {
            (split, name): self.random.sample(files, len(files))
            for split in ("train", "test")
            for name in self.classes
            for files in [sorted((root / split / name).iterdir())]
        }
        self.planted = Planted()

    def take(self, split: str = "train", class_name: str | None = None) -> Path:
        return self.unused[split, class_name or self.random.choice(self.classes)].pop()

    def take_varied(self) -> Path:
        """Take the training image with the most contrast."""
        paths = self.unused["train", self.classes[0]]
        path = max(paths, key=lambda path: np.asarray(Image.open(path)).std())
        paths.remove(path)
        return path

    def expect(self, name: str, kind: str, path: Path | str) -> None:
        place = path if isinstance(path, str) else path.relative_to(self.root).as_posix()
        self.planted.expected[name] = (kind, place)

    def plant_all(self) -> Planted:
        self.plant_copies()
        self.plant_damage()
        self.plant_modes()
        self.plant_pictures()
        self.plant_classes()
        return self.planted

    def copy(self, name: str, kind: str, change: Callable[[Image.Image], Image.Image] | None, **save: object) -> None:
        """Copy an image of the test set into the training set of its class, changed or not."""
        original = self.take("test")
        copy = self.root / "train" / original.parent.name / f"{name.replace(' ', '_')}.jpg"
        if change is None and not save:
            shutil.copy(original, copy)
        else:
            image = Image.open(original).convert("RGB")
            (image if change is None else change(image)).save(copy, **{"quality": 92, **save})
        self.expect(name, kind, copy)

    def plant_copies(self) -> None:
        self.copy("exact copy across splits", "leak", None)
        self.copy("another JPEG quality", "near_leak", None, quality=60)
        self.copy("resized", "near_leak", lambda image: image.resize((48, 48), Image.Resampling.BICUBIC))
        self.copy("brightened", "near_leak", lambda image: ImageEnhance.Brightness(image).enhance(1.25))
        self.copy("mirrored", "near_leak", ImageOps.mirror)
        first, second = self.classes[:2]
        original = self.take("train", first)
        copies = [self.root / "train" / name / "zz_copy.jpg" for name in (first, second)]
        for copy in copies:
            shutil.copy(original, copy)
        self.expect("exact copy within a class", "duplicate", copies[0])
        self.expect("exact copy with another label", "contradiction", copies[1])
        same_pixels = self.take()
        Image.open(same_pixels).save(same_pixels.with_name("zz_same_pixels.png"))
        self.expect("same pixels in another file", "duplicate", same_pixels.with_name("zz_same_pixels.png"))
        near = self.take("train", first)
        Image.open(near).save(self.root / "train" / second / "zz_near.jpg", quality=60)
        self.expect("near copy with another label", "near_contradiction", self.root / "train" / second / "zz_near.jpg")

    def plant_damage(self) -> None:
        path = self.take()
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        self.expect("truncated", "unreadable", path)
        for name, text in (("zero bytes", ""), ("text file", "not an image\n"), ("HTML page", PAGE)):
            path = self.take()
            path.write_text(text, encoding="utf-8")
            self.expect(name, "unreadable", path)
        path = self.take()
        Image.open(path).save(path, format="PNG")
        self.expect("PNG named .jpg", "wrong_ending", path)
        path = self.take()
        frames = [Image.open(self.take()).convert("RGB") for _ in range(3)]
        frames[0].save(path.with_suffix(".webp"), save_all=True, append_images=frames[1:])
        self.expect("animation", "animated", path.with_suffix(".webp"))
        Image.open(path).save(path.with_suffix(".ico"))
        self.expect("ICO, which no image ending names", "no_image_ending", path.with_suffix(".ico"))
        (path.parent / "Thumbs.db").write_bytes(b"\0" * 8)
        self.expect("another file", "other_file", path.parent / "Thumbs.db")

    def plant_modes(self) -> None:
        for mode, kind in (("CMYK", "cmyk"), ("L", "gray_among_colour")):
            path = self.take()
            Image.open(path).convert(mode).save(path, format="JPEG", quality=92)
            self.expect(f"mode {mode}", kind, path)
        for mode, kind in (("RGBA", "transparency"), ("P", "palette")):
            path = self.take()
            image = Image.open(path).convert(mode)
            if mode == "RGBA":
                image.putalpha(128)
            image.save(path.with_suffix(".png"))
            path.unlink()
            self.expect(f"mode {mode}", kind, path.with_suffix(".png"))
        path = self.take()
        gray = np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 257
        Image.fromarray(gray).save(path.with_suffix(".png"))
        path.unlink()
        self.expect("16 bits", "deep", path.with_suffix(".png"))
        path = self.take()
        exif = Image.Exif()
        exif[274] = 6
        Image.open(path).save(path, exif=exif, quality=92)
        self.expect("turned by EXIF", "turned", path)

    def plant_pictures(self) -> None:
        for name, kind, image in [
            ("black", "black", Image.new("RGB", (32, 32))),
            ("white", "white", Image.new("RGB", (32, 32), "white")),
            ("one colour", "one_colour", Image.new("RGB", (32, 32), (90, 140, 60))),
            ("1x1", "tiny", Image.new("RGB", (1, 1), (200, 30, 30))),
        ]:
            path = self.take()
            image.save(path)
            self.expect(name, kind, path)
        for name, kind, change in [
            ("blurred", "blurred", lambda image: image.filter(ImageFilter.GaussianBlur(4))),
            ("underexposed", "dark", underexposed),
            ("overexposed", "bright", lambda image: ImageOps.invert(underexposed(ImageOps.invert(image)))),
            ("aspect ratio", "aspect", lambda image: image.resize((320, 20))),
            ("huge", "size_outlier", lambda image: image.resize((640, 640))),
        ]:
            path = self.take_varied()
            change(Image.open(path).convert("RGB")).save(path, quality=92)
            self.expect(name, kind, path)

    def plant_classes(self) -> None:
        (self.root / "train" / "empty").mkdir()
        self.expect("class without images", "empty_class", "empty")
        alone, twin = self.root / "train" / "zebra", self.root / "train" / self.classes[-1].capitalize()
        for folder, size in ((alone, 4), (twin, 6)):
            folder.mkdir()
            for _ in range(size):
                path = self.take()
                shutil.move(path, folder / f"{path.parent.name}_{path.name}")
        self.expect("class in train only", "missing_class", "zebra")
        self.expect("class of few images", "small_class", "zebra")
        self.expect("class name in another case", "similar_class_names", self.classes[-1])
        self.expect("class imbalance", "imbalance", "zebra")

    def swap_labels(self, share: float) -> None:
        """Move a share of the training images, drawn at random, to the folder of another class."""
        files = [(name, path) for (split, name), paths in self.unused.items() if split == "train" for path in paths]
        for name, path in self.random.sample(files, round(share * len(files))):
            other = self.random.choice([other for other in self.classes if other != name])
            moved = self.root / "train" / other / f"{name}_{path.name}"
            shutil.move(path, moved)
            self.planted.swapped.add(moved.relative_to(self.root).as_posix())
