"""Evaluations to score: at random, and of the kinds that go wrong."""

import numpy as np
import torch

from litclassify.evaluation import Evaluation, LabelEvaluation


def at_random(num_images: int = 500, num_classes: int = 6, seed: int = 0) -> Evaluation:
    generator = np.random.default_rng(seed)
    targets = generator.integers(num_classes, size=num_images)
    logits = generator.normal(size=(num_images, num_classes))
    logits[np.arange(num_images), targets] += 1.5
    return of(logits, targets)


def of(logits: object, targets: object) -> Evaluation:
    values = np.asarray(logits, dtype=np.float32)
    return Evaluation(values, np.asarray(targets, dtype=np.int64), [f"class {k}" for k in range(values.shape[1])])


def scores_of(evaluation: Evaluation | LabelEvaluation, k: int) -> np.ndarray:
    """Give what ranks images: the logarithm of odds, finite as scikit-learn wants it; of labels, probabilities."""
    if isinstance(evaluation, LabelEvaluation):
        return evaluation.probabilities[:, k]
    logits = torch.from_numpy(evaluation.logits).double() / evaluation.temperature
    others = torch.cat([logits[:, :k], logits[:, k + 1 :]], dim=1)
    return (logits[:, k] - others.logsumexp(dim=1)).float().clamp(-1e30, 1e30).numpy()


def _ties() -> Evaluation:
    evaluation = at_random(seed=1)
    return of(evaluation.logits.round(), evaluation.targets)


def _missing_classes() -> Evaluation:
    evaluation = at_random(seed=2, num_classes=4)
    return of(np.insert(evaluation.logits, 4, [[-20.0], [-np.inf]], axis=1), evaluation.targets)


DEGENERATE = {
    "at random": at_random(),
    "two classes": at_random(num_classes=2),
    "ties": _ties(),
    "classes that never occur, or are ruled out": _missing_classes(),
    "a class that is never predicted": of([[3, 0, 1], [2, 0, 1], [2, 1, 0], [0, 0, 4]], [0, 1, 1, 2]),
    "all right": of(np.eye(4) * 5, np.arange(4)),
    "all wrong": of(np.eye(4)[[1, 2, 3, 0]] * 5, np.arange(4)),
    "all alike": of(np.zeros((5, 3)), [0, 1, 2, 1, 1]),
    "one class of two": of([[2, 1], [1, 2], [3, 0]], [0, 0, 0]),
    "one image": of([[1, 2, 0]], [1]),
    "huge logits": of([[1e4, -1e4, 0], [0, 1e4, -1e4], [0, 3e3, 5e3]], [0, 1, 1]),
}


def labels_at_random(num_images: int = 400, num_labels: int = 5, seed: int = 0) -> LabelEvaluation:
    """Labels of which the first is common and the last is rare."""
    generator = np.random.default_rng(seed)
    targets = generator.random((num_images, num_labels)) < np.linspace(0.6, 0.05, num_labels)
    return labels_of(generator.normal(size=targets.shape) + 2 * targets - 1, targets)


def labels_of(logits: object, targets: object, threshold: float = 0.5) -> LabelEvaluation:
    values = np.asarray(logits, dtype=np.float32)
    names = [f"label {k}" for k in range(values.shape[1])]
    return LabelEvaluation(values, np.asarray(targets, dtype=np.bool_), names, threshold)


def _labels_with(column: object, threshold: float = 0.5) -> LabelEvaluation:
    """Give labels at random with a last one that all images have, or none."""
    evaluation = labels_at_random(seed=3)
    targets = evaluation.targets.copy()
    targets[:, -1] = column
    return labels_of(evaluation.logits, targets, threshold)


LABELS = {
    "at random": labels_at_random(),
    "a label without images": _labels_with(False),
    "a label that all have": _labels_with(True),
    "a high threshold": _labels_with(False, threshold=0.9),
    "ties": labels_of(labels_at_random(seed=1).logits.round(), labels_at_random(seed=1).targets),
    "no label at all": labels_of(np.zeros((4, 3)), np.zeros((4, 3))),
    "all right": labels_of([[5, -5], [-5, 5], [5, 5]], [[1, 0], [0, 1], [1, 1]]),
    "all wrong": labels_of([[-5, 5], [5, -5], [-5, -5]], [[1, 0], [0, 1], [1, 1]]),
    "one image": labels_of([[1, -2, 0]], [[1, 0, 1]]),
    "huge logits": labels_of([[1e4, -1e4], [-3e3, 5e3], [1e4, 1e4]], [[1, 0], [1, 0], [0, 1]]),
}
