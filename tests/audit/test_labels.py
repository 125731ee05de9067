import sys
import tracemalloc

import numpy as np
import pytest
from sklearn.datasets import load_digits

from litclassify.audit.calibration import calibrated
from litclassify.audit.inventory import Sample
from litclassify.audit.labels import (
    cross_validated_probabilities,
    find_as_many_as_calibrated,
    find_label_errors,
    leave_out_unlikely,
    rough_features,
)
from litclassify.audit.measures import Measures, measure
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


@pytest.mark.parametrize(
    "labels", [[0], [0, 1], [0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1], [0] * 5 + [1], [0] * 9, [0, 1] * 9]
)
def test_any_number_of_images_can_be_judged(labels: list[int]) -> None:
    generator = np.random.default_rng(0)
    samples, features = samples_of(labels), generator.normal(size=(len(labels), 5)).astype(np.float32)
    probabilities = cross_validated_probabilities(samples, NAMES, features)
    judged = ~np.isnan(probabilities).any(axis=1)
    assert np.allclose(probabilities[judged].sum(axis=1), 1)
    assert judged.all() == (min(labels.count(0), labels.count(1)) > 1)
    find_label_errors(samples, NAMES, probabilities)


def test_suspects_are_those_of_the_paper() -> None:
    generator = np.random.default_rng(0)
    names = ["ant", "bee", "cat", "dog"]
    labels = generator.integers(4, size=500)
    probabilities = generator.dirichlet(np.ones(4), size=500)
    # Equations 1 and 2 of https://arxiv.org/abs/1911.00068: off the diagonal of the confident joint.
    thresholds = np.array([probabilities[labels == k, k].mean() for k in range(4)])
    confident = np.where(probabilities >= thresholds, probabilities, 0)
    counted = confident.any(axis=1) & (confident.argmax(axis=1) != labels)
    # cleanlab leaves out those whose own class is the most probable one.
    expected = np.flatnonzero(counted & (probabilities.argmax(axis=1) != labels))
    ranked = expected[probabilities[expected, labels[expected]].argsort()]
    samples = [Sample(str(i), "train", names[label]) for i, label in enumerate(labels)]
    assert [one.path for one in find_label_errors(samples, names, probabilities)] == [str(i) for i in ranked]


def test_probabilities_that_are_too_sure_list_as_many_as_calibrated_ones() -> None:
    digits = load_digits()
    names = [str(k) for k in range(10)]
    generator = np.random.default_rng(0)
    labels, features = digits.target.copy(), digits.data.astype(np.float32)
    moved = generator.choice(len(labels), size=90, replace=False)
    labels[moved] = (labels[moved] + generator.integers(1, 10, size=90)) % 10
    samples = [Sample(str(i), "train", names[label]) for i, label in enumerate(labels)]
    sure = cross_validated_probabilities(samples, names, features)
    modest = np.concatenate([*calibrated(sure, labels)])
    sure[0] = modest[0] = np.nan
    count = len(find_label_errors(samples, names, modest))
    found = find_as_many_as_calibrated(samples, names, sure)
    assert found == find_label_errors(samples, names, sure)[:count]
    assert 60 < count < len(find_label_errors(samples, names, sure))
    assert np.isin([int(one.path) for one in found], moved).mean() > 0.9


def test_memory_is_that_of_few_copies_of_the_probabilities() -> None:
    generator = np.random.default_rng(0)
    names = [f"{k:02}" for k in range(50)]
    sure = generator.dirichlet(np.full(50, 0.1), size=20_000)
    samples = [Sample(str(i), "train", names[k]) for i, k in enumerate(sure.argmax(axis=1).tolist())]
    find_as_many_as_calibrated(samples[:500], names, sure[:500])  # What is imported is not counted.
    tracemalloc.start()
    find_as_many_as_calibrated(samples, names, sure)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * sure.nbytes


def test_of_few_images_next_to_nothing_is_said() -> None:
    generator = np.random.default_rng(0)
    names = [str(k) for k in range(10)]
    labels = generator.integers(10, size=200)
    features = generator.normal(size=(200, 100)).astype(np.float32)  # They tell nothing of the labels.
    samples = [Sample(str(i), "train", names[label]) for i, label in enumerate(labels)]
    sure = cross_validated_probabilities(samples, names, features)
    assert len(find_label_errors(samples, names, sure, 0.01)) > 60
    leave_out_unlikely(samples, names, sure)
    assert len(find_label_errors(samples, names, sure, 0.01)) < 5


def test_likely_classes_are_those_of_calibrated_probabilities() -> None:
    generator = np.random.default_rng(0)
    names = [*NAMES, "emu"]
    sure = generator.dirichlet([0.1, 0.1, 0.1], size=300)
    labels = np.where(generator.random(300) < 0.4, sure.argmax(axis=1), generator.integers(3, size=300))
    likely = np.concatenate([*calibrated(sure[1:], labels[1:])]).max(axis=1) > 0.5
    assert 0 < likely.sum() < len(likely)
    sure[0] = np.nan
    found = sure.copy()
    leave_out_unlikely([Sample(str(i), "train", names[k]) for i, k in enumerate(labels)], names, found)
    np.testing.assert_array_equal(found[1:][likely], sure[1:][likely])
    assert np.isnan(found[1:][~likely]).all()
    assert np.isnan(found[0]).all()


def test_images_that_cannot_be_read_are_not_judged() -> None:
    features = rough_features([*measure([np.zeros((8, 8), np.uint8)] * 10), Measures(error="broken")])
    assert np.isnan(features).all(axis=1).tolist() == [False] * 10 + [True]
    probabilities = cross_validated_probabilities(samples_of([0, 1] * 5 + [1]), NAMES, features)
    assert np.isnan(probabilities).any(axis=1).tolist() == [False] * 10 + [True]


def test_swapped_digits_are_suspected() -> None:
    digits = load_digits()
    images = (digits.images * 15).astype(np.uint8)[:600]
    names = [str(k) for k in range(10)]
    labels = digits.target[:600].copy()
    labels[:12] = (labels[:12] + 5) % 10
    samples = [Sample(str(i), "train", names[label]) for i, label in enumerate(labels)]
    probabilities = cross_validated_probabilities(samples, names, rough_features(measure(list(images))))
    assert np.allclose(probabilities.sum(axis=1), 1)
    found = [int(one.path) for one in find_label_errors(samples, names, probabilities)]
    assert len(set(range(12)) & set(found)) >= 9
    assert len(found) < 40
