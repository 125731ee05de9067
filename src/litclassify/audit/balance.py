"""How many images there are of each class, in each split."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from litclassify.audit.finding import Finding
from litclassify.audit.inventory import Inventory, Sample
from litclassify.data.listing.split_names import SPLITS

IMBALANCE = 10.0

Counts = Mapping[str, Mapping[str, int]]
"""Images of each class, by split."""


def count_classes(inventory: Inventory) -> Counts:
    """Count the images of each class in each split that there is, classes in order of their names."""
    names = sorted({name for classes in inventory.classes.values() for name in classes})
    found = {split: Counter(dict.fromkeys(names, 0)) for split in SPLITS if split in inventory.classes}
    for sample in inventory.samples:
        for name in _labels_of(sample, inventory.label_separator):
            found[sample.split][name] += 1
    return found


def _labels_of(sample: Sample, separator: str | None) -> list[str]:
    return [sample.class_name] if separator is None else [name for name in sample.class_name.split(separator) if name]


def find_balance_faults(inventory: Inventory, min_images: int) -> Iterator[Finding]:
    """Give classes that are missing, rare, or there under two names.

    Args:
        inventory: The data set.
        min_images: Training images that a class should have.
    """
    counts = count_classes(inventory)
    train = counts.get("train", {})
    yield from _similar_names(inventory)
    for split, classes in counts.items():
        for name, number in classes.items():
            if split == "train" and name in inventory.classes[split] and 0 < number < min_images:
                yield Finding("small_class", f"{number} images in train; fewer than {min_images}.", "", split, name)
            if split != "train" and number == 0 and train.get(name):
                yield Finding("missing_class", f"{train[name]} images in train, none in {split}.", "", split, name)
            if split != "train" and number > 0 and not train.get(name):
                yield Finding("unknown_class", f"{number} images in {split}, none in train.", "", split, name)
        present = {name: number for name, number in classes.items() if number}
        if present and max(present.values()) >= IMBALANCE * min(present.values()):
            rare, common = min(present, key=present.__getitem__), max(present, key=present.__getitem__)
            ratio = present[common] / present[rare]
            detail = f"{ratio:.1f} : 1 in {split}, from {present[common]} of '{common}' to {present[rare]} of '{rare}'."
            yield Finding("imbalance", detail, "", split, rare)


def _similar_names(inventory: Inventory) -> Iterator[Finding]:
    spellings: dict[str, set[str]] = defaultdict(set)
    for classes in inventory.classes.values():
        for name in classes:
            spellings["".join(c for c in name.casefold() if c.isalnum())].add(name)
    for key, names in spellings.items():
        if key and len(names) > 1:
            first, *others = sorted(names)
            for name in others:
                split = next(split for split, classes in inventory.classes.items() if name in classes)
                yield Finding("similar_class_names", f"'{name}' beside '{first}'.", "", split, name)
