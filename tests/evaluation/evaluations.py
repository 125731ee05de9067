"""Evaluations to score: at random, and of the kinds that go wrong."""

import numpy as np

from litclassify.evaluation import Evaluation


def at_random(num_images: int = 500, num_classes: int = 6, seed: int = 0) -> Evaluation:
    generator = np.random.default_rng(seed)
    targets = generator.integers(num_classes, size=num_images)
    logits = generator.normal(size=(num_images, num_classes))
    logits[np.arange(num_images), targets] += 1.5
    return of(logits, targets)


def of(logits: object, targets: object) -> Evaluation:
    values = np.asarray(logits, dtype=np.float32)
    return Evaluation(values, np.asarray(targets, dtype=np.int64), [f"class {k}" for k in range(values.shape[1])])


def _ties() -> Evaluation:
    evaluation = at_random(seed=1)
    return of(evaluation.logits.round(), evaluation.targets)


def _missing_classes() -> Evaluation:
    evaluation = at_random(seed=2, num_classes=4)
    logits = np.hstack([evaluation.logits, np.full((len(evaluation), 2), -20.0)])
    return of(logits, evaluation.targets)


DEGENERATE = {
    "at random": at_random(),
    "two classes": at_random(num_classes=2),
    "ties": _ties(),
    "classes that never occur": _missing_classes(),
    "a class that is never predicted": of([[3, 0, 1], [2, 0, 1], [2, 1, 0], [0, 0, 4]], [0, 1, 1, 2]),
    "all right": of(np.eye(4) * 5, np.arange(4)),
    "all wrong": of(np.eye(4)[[1, 2, 3, 0]] * 5, np.arange(4)),
    "all alike": of(np.zeros((5, 3)), [0, 1, 2, 1, 1]),
    "one class of two": of([[2, 1], [1, 2], [3, 0]], [0, 0, 0]),
    "one image": of([[1, 2, 0]], [1]),
    "huge logits": of([[1e4, -1e4, 0], [0, 1e4, -1e4], [0, 3e3, 5e3]], [0, 1, 1]),
}
