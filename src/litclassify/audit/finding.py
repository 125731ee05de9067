"""What an audit finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Kind:
    """A kind of finding."""

    severity: Severity
    title: str
    meaning: str
    """What it means for training, and what to do, in a sentence or two."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of an image, a folder or a class."""

    kind: str
    """A key of `KINDS`."""
    detail: str
    path: str = ""
    """Relative to the root, with slashes; the identifier of an image in memory. Empty for what is of no one image."""
    split: str = ""
    class_name: str = ""
    other: str = ""
    """Path of the image that it is compared with."""

    @property
    def severity(self) -> Severity:
        """How serious findings of this kind are."""
        return KINDS[self.kind].severity


# The most serious first: this is the order of reports.
KINDS: Mapping[str, Kind] = {
    "refused": Kind("error", "Refused by fit", "fit ends with this message before it trains."),
    "unreadable": Kind("error", "Unreadable", "A training that meets the file ends there. Repair or leave out."),
    "leak": Kind(
        "error",
        "Leaks between splits",
        "The same picture is trained on and evaluated: metrics are too good. Leave the training copy out.",
    ),
    "val_test_leak": Kind(
        "error",
        "Copies in val and test",
        "Nothing is trained on it, but val chooses the checkpoint with a picture that test then judges it by: test "
        "metrics may be a little too good. Leave one of the two out.",
    ),
    "contradiction": Kind(
        "error", "Contradicting labels", "The same picture has two labels, of which at most one is right."
    ),
    "empty_class": Kind("error", "Classes without images", "fit refuses a class folder without images."),
    "unknown_class": Kind("error", "Classes that train lacks", "A class of val or test that nothing is trained for."),
    "similar_class_names": Kind(
        "error", "Class names that differ by case or space", "Probably one class in two folders."
    ),
    "near_leak": Kind(
        "warning",
        "Near duplicates across splits",
        "Nearly the same picture is trained on and evaluated. Look, then leave the training copy out.",
    ),
    "near_val_test_leak": Kind(
        "warning",
        "Near duplicates in val and test",
        "Val chooses the checkpoint with nearly the same picture that test judges it by. Look, then leave one out.",
    ),
    "near_contradiction": Kind(
        "warning", "Near duplicates with different labels", "Nearly the same picture has two labels. Look at both."
    ),
    "label": Kind(
        "warning",
        "Suspected label errors",
        "Classifiers that never saw the image are sure of another class. The least plausible labels come first.",
    ),
    "missing_class": Kind(
        "warning", "Classes missing in a split", "Nothing is measured of a class that val or test lacks."
    ),
    "unused_folder": Kind(
        "warning",
        "Folders that are not used",
        "They lie beside train and are not a split: fit passes them over.",
    ),
    "small_class": Kind("warning", "Classes with few images", "Too few to learn from or to measure on."),
    "imbalance": Kind(
        "warning", "Class imbalance", "Rare classes are learnt last: see model.class_weights and data.class_balance."
    ),
    "wrong_ending": Kind(
        "warning",
        "Endings that do not match the content",
        "It is read by its content; other programs may go by the ending.",
    ),
    "no_image_ending": Kind("warning", "Images without an image ending", "fit passes them over. Rename them."),
    "animated": Kind("warning", "Several frames", "Only the first frame is read."),
    "duplicate": Kind("warning", "Duplicates", "The same picture several times in a class of one split weighs more."),
    "near_duplicate": Kind(
        "warning", "Near duplicates", "Nearly the same picture several times in a class of a split."
    ),
    "black": Kind("warning", "Black images", "Hardly anything but black."),
    "white": Kind("warning", "White images", "Hardly anything but white."),
    "one_colour": Kind("warning", "Images of one colour", "There is hardly any contrast."),
    "dark": Kind("note", "Underexposed images", "Most of the image is black."),
    "bright": Kind("note", "Overexposed images", "Most of the image is white."),
    "blurred": Kind("note", "Blurred images", "There is far less detail than in most images of the data set."),
    "low_entropy": Kind("note", "Images with few tones", "Few grays, as drawings, screenshots and text have."),
    "tiny": Kind("warning", "Tiny images", "A side of a few pixels, which is enlarged to the size of the others."),
    "aspect": Kind("warning", "Extreme aspect ratios", "Crops show a small part, or resizing distorts the image."),
    "size_outlier": Kind("note", "Unusual sizes", "Many times smaller or larger than the median image."),
    "gray_among_colour": Kind("note", "Gray among colour", "The colour may tell classes apart by accident."),
    "colour_among_gray": Kind("note", "Colour among gray", "The colour may tell classes apart by accident."),
    "transparency": Kind("note", "Transparency", "Transparent parts are laid on white."),
    "cmyk": Kind("note", "CMYK", "Colours are converted to RGB without their profile, and may be off."),
    "palette": Kind("note", "Palette images", "At most 256 colours, often with dithering."),
    "deep": Kind("note", "More than 8 bits", "Of 16 bits the upper 8 are kept."),
    "turned": Kind("note", "Turned by EXIF", "It is turned upright when it is read; other programs may not do so."),
    "other_file": Kind("note", "Other files in class folders", "fit passes them over."),
}


def by_severity(findings: list[Finding]) -> dict[str, list[Finding]]:
    """Group findings by kind, the most serious kinds first; within a kind, their order is kept."""
    order = sorted(KINDS, key=lambda name: SEVERITIES.index(KINDS[name].severity))
    groups: dict[str, list[Finding]] = {name: [] for name in order}
    for finding in findings:
        groups[finding.kind].append(finding)
    return {name: group for name, group in groups.items() if group}
