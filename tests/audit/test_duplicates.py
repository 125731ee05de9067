import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from litclassify.audit.audit import Audit
from litclassify.audit.duplicates import find_duplicates
from litclassify.audit.finding import by_severity
from litclassify.audit.inventory import Inventory, Sample
from litclassify.audit.measures import Measures, measure


def kinds(*samples: Sample) -> list[tuple[str, str]]:
    measures = [Measures(content_hash=b"file", pixel_hash=b"pixels") for _ in samples]
    return sorted((finding.kind, finding.path) for finding in find_duplicates(samples, measures, 0.9))


def test_a_copy_is_found_but_an_image_that_is_listed_twice_is_none() -> None:
    first, copy = Sample("a.png", "train", "cat"), Sample("b.png", "train", "cat")
    assert kinds(first, copy) == [("duplicate", "b.png")]
    assert kinds(first, first) == []


def test_an_image_that_is_listed_in_two_splits_is_a_leak() -> None:
    assert kinds(Sample("a.png", "train", "cat"), Sample("a.png", "test", "cat")) == [("leak", "a.png")]


def audit_of(pictures: dict[Sample, Image.Image]) -> Audit:
    samples, measures = [*pictures], measure([np.asarray(picture) for picture in pictures.values()])
    findings = by_severity(find_duplicates(samples, measures, 0.9))
    return Audit(Inventory(samples), measures, {}, findings)


def test_a_near_copy_of_a_copy_that_leaks_leaks_too() -> None:
    picture = Image.fromarray(load_sample_images().images[0]).resize((64, 64))
    smaller = picture.resize((48, 48))
    names = {"train/x.jpg": picture, "train/y.jpg": smaller, "train/y2.jpg": smaller, "test/x.jpg": picture}
    audit = audit_of({Sample(name, name.split("/")[0], "china"): image for name, image in names.items()})
    leaks = {kind: [(one.path, one.other) for one in audit.findings[kind]] for kind in ("leak", "near_leak")}
    assert leaks["leak"] == [("train/x.jpg", "test/x.jpg")]
    assert leaks["near_leak"] == [("train/y.jpg", "test/x.jpg")]
    assert audit.excluded == ["train/x.jpg", "train/y.jpg", "train/y2.jpg"]


def test_a_near_copy_leaks_wherever_its_own_copies_are() -> None:
    picture = Image.fromarray(load_sample_images().images[0]).resize((64, 64))
    names = {"train/x.jpg": picture, "train/y.jpg": picture.resize((48, 48)), "val/y.jpg": picture.resize((48, 48))}
    audit = audit_of({Sample(name, name.split("/")[0], "china"): image for name, image in names.items()})
    assert [(one.path, one.other) for one in audit.findings["near_leak"]] == [("train/x.jpg", "val/y.jpg")]
    assert audit.excluded == ["train/x.jpg", "train/y.jpg"]
