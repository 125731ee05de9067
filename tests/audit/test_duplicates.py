import tracemalloc

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from litclassify.audit.audit import Audit
from litclassify.audit.duplicates import find_duplicates, near_duplicates
from litclassify.audit.finding import KINDS, by_severity
from litclassify.audit.inventory import Inventory, Sample
from litclassify.audit.measures import Measures, measure


def kinds(*samples: Sample) -> list[tuple[str, str]]:
    measures = [Measures(content_hash=b"file", pixel_hash=b"pixels") for _ in samples]
    return sorted((finding.kind, finding.path) for finding in find_duplicates(samples, measures, 0.9))


def test_a_copy_is_found_but_an_image_that_is_listed_twice_is_none() -> None:
    first, copy = Sample("a.png", "train", "cat"), Sample("b.png", "train", "cat")
    assert kinds(first, copy) == [("duplicate", "b.png")]
    assert kinds(first, first) == []


@pytest.mark.parametrize(
    ("splits", "kind"),
    [(("train", "val"), "leak"), (("test", "train"), "leak"), (("val", "test"), "val_test_leak")],
)
def test_an_image_that_is_listed_in_two_splits_is_a_leak(splits: tuple[str, str], kind: str) -> None:
    assert kinds(*(Sample("a.png", split, "cat") for split in splits)) == [(kind, "a.png")]


def test_each_pair_of_splits_has_its_own_leak() -> None:
    found = kinds(*(Sample(f"{split}/a.png", split, "cat") for split in ("train", "val", "test")))
    assert found == [("leak", "train/a.png"), ("val_test_leak", "val/a.png")]
    assert not any("trained on and" in KINDS[kind].meaning for kind in ("val_test_leak", "near_val_test_leak"))


def test_near_copies_that_are_evaluated_alone_are_said_not_to_be_trained_on() -> None:
    picture = Image.fromarray(load_sample_images().images[0]).resize((64, 64))
    names = {"val/x.jpg": picture, "test/x.jpg": picture.resize((48, 48))}
    audit = audit_of({Sample(name, name.split("/")[0], "china"): image for name, image in names.items()})
    assert [*audit.findings] == ["near_val_test_leak"]
    assert audit.excluded == []


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


@pytest.mark.parametrize("evaluated", [0, 6, 12])
def test_all_of_many_near_copies_leak(evaluated: int) -> None:
    pictures = {}
    for i in range(13):  # All have one hash.
        pixels = np.array(Image.fromarray(load_sample_images().images[0]).resize((64, 64)))
        pixels[0, 0] = 10 * i
        split = "test" if i == evaluated else "train"
        pictures[Sample(f"{split}/{i:02}.jpg", split, "china")] = Image.fromarray(pixels)
    audit = audit_of(pictures)
    assert len({one.hash for one in audit.measures}) == 1
    assert audit.excluded == [sample.path for sample in pictures if sample.split == "train"]


def test_likeness_is_the_correlation_of_grays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litclassify.audit.duplicates.PAIRS_AT_ONCE", 2)
    picture = load_sample_images().images[0][:320, :320].astype(float)
    generator = np.random.default_rng(0)
    pictures = [np.clip(picture + generator.normal(scale=20, size=picture.shape), 0, 255) for _ in range(4)]
    pictures[3] = pictures[3][:, ::-1]
    measures = measure([one.astype(np.uint8) for one in pictures])
    samples = [Sample(str(i), "train", "china") for i in range(4)]
    grays = [one.thumbnail @ [0.299, 0.587, 0.114] for one in measures if one.thumbnail is not None]
    found = {(pair.first, pair.second): pair.likeness for pair in near_duplicates(range(4), samples, measures, 0.9)}
    assert len(found) == 6
    for (i, j), likeness in found.items():
        other, text = (grays[j][:, ::-1], "mirrored") if j == 3 else (grays[j], "alike")
        assert likeness == f"{text}, correlation {np.corrcoef(grays[i].ravel(), other.ravel())[0, 1]:.3f}"


def test_memory_is_taken_for_what_is_alike_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(2000, 32, 32, 3), dtype=np.uint8)
    samples, measures = [Sample("a.png", "train", "china")] * 2000, measure(list(pixels))
    tracemalloc.start()
    near_duplicates(range(2000), samples, measures, 0.9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * pixels[0].nbytes
