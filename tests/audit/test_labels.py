import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from litclassify.audit.inventory import Sample
from litclassify.audit.labels import cross_validated_probabilities, find_label_errors
from litclassify.audit.measures import measure
from litclassify.errors import UserError

NAMES = ["cat", "dog"]


def samples_of(labels: list[int]) -> list[Sample]:
    return [Sample(str(i), "train", NAMES[label]) for i, label in enumerate(labels)]


def test_suspects_are_those_computed_by_hand() -> None:
    # A cat counts from (0.9 + 0.8 + 0.2) / 3 = 0.63, a dog from (0.9 + 0.7 + 0.1) / 3 = 0.57. Sample 2 counts for a
    # dog, and sample 5 for a cat, against their labels; 5 is the less plausible one.
    cat = np.array([0.9, 0.8, 0.2, 0.1, 0.3, 0.9])
    found = find_label_errors(samples_of([0, 0, 0, 1, 1, 1]), NAMES, np.stack([cat, 1 - cat], axis=1))
    assert [(one.path, one.class_name) for one in found] == [("5", "dog"), ("2", "cat")]
    assert found[0].detail == "'cat' 90.0%, its label 10.0%"


def test_a_doubt_below_the_threshold_is_no_suspicion() -> None:
    # Sample 2 is rather a dog, but less surely so than the dogs, which count from 0.9.
    cat = np.array([0.9, 0.8, 0.4, 0.1, 0.1, 0.1])
    assert find_label_errors(samples_of([0, 0, 0, 1, 1, 1]), NAMES, np.stack([cat, 1 - cat], axis=1)) == []


def test_images_without_probabilities_are_passed_over() -> None:
    cat = np.array([0.9, 0.8, 0.2, 0.1, 0.3, 0.9, np.nan])
    found = find_label_errors(samples_of([0, 0, 0, 1, 1, 1, 0]), NAMES, np.stack([cat, 1 - cat], axis=1))
    assert [one.path for one in found] == ["5", "2"]


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(UserError, match="litclassify\\[audit\\].*--no_label_errors"):
        find_label_errors(samples_of([0, 1]), NAMES, np.full((2, 2), 0.5))


def test_swapped_digits_are_suspected() -> None:
    digits = load_digits()
    images = (digits.images * 15).astype(np.uint8)[:600]
    names = [str(k) for k in range(10)]
    labels = digits.target[:600].copy()
    labels[:12] = (labels[:12] + 5) % 10
    samples = [Sample(str(i), "train", names[label]) for i, label in enumerate(labels)]
    probabilities = cross_validated_probabilities(samples, measure(list(images)), names)
    assert np.allclose(probabilities.sum(axis=1), 1)
    found = [int(one.path) for one in find_label_errors(samples, names, probabilities)]
    assert len(set(range(12)) & set(found)) >= 9
    assert len(found) < 40
