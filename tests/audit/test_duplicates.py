from litclassify.audit.duplicates import find_duplicates
from litclassify.audit.inventory import Sample
from litclassify.audit.measures import Measures


def kinds(*samples: Sample) -> list[tuple[str, str]]:
    measures = [Measures(content_hash=b"file", pixel_hash=b"pixels") for _ in samples]
    return sorted((finding.kind, finding.path) for finding in find_duplicates(samples, measures, 0.9))


def test_a_copy_is_found_but_an_image_that_is_listed_twice_is_none() -> None:
    first, copy = Sample("a.png", "train", "cat"), Sample("b.png", "train", "cat")
    assert kinds(first, copy) == [("duplicate", "b.png")]
    assert kinds(first, first) == []


def test_an_image_that_is_listed_in_two_splits_is_a_leak() -> None:
    assert kinds(Sample("a.png", "train", "cat"), Sample("a.png", "test", "cat")) == [("leak", "a.png")]
