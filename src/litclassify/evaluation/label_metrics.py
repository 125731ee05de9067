"""The figures that describe an evaluation of several labels."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from litclassify.evaluation import class_scores
from litclassify.evaluation.bootstrap import SEED, Interval, interval_of
from litclassify.evaluation.class_scores import pooled
from litclassify.evaluation.evaluation import ClassCounts, Floats
from litclassify.evaluation.label_evaluation import LabelEvaluation
from litclassify.evaluation.metrics import Metrics

# Each takes 4 bytes for each image.
DRAWS_AT_ONCE = 100
FROM_IMAGES: Mapping[str, Callable[[LabelEvaluation], Floats]] = {
    "acc": lambda evaluation: (evaluation.predicted == evaluation.targets).mean(axis=1),
    "exact_match": lambda evaluation: evaluation.correct.astype(np.float64),
}
"""Figures that are means over images: what is averaged, (N,)."""
FROM_COUNTS: Mapping[str, Callable[[ClassCounts], Floats]] = {
    "precision": lambda counts: class_scores.precision(counts).mean(axis=-1),
    "recall": lambda counts: class_scores.recall(counts).mean(axis=-1),
    "f1": lambda counts: class_scores.f1(counts).mean(axis=-1),
    "precision_micro": lambda counts: class_scores.precision(pooled(counts)),
    "recall_micro": lambda counts: class_scores.recall(pooled(counts)),
    "f1_micro": lambda counts: class_scores.f1(pooled(counts)),
}
"""Those that follow from how many images have each label, and were predicted to, and both."""


def _mean_over_images(values: Callable[[LabelEvaluation], Floats], evaluation: LabelEvaluation) -> float:
    return float(values(evaluation).mean())


LABEL_METRICS = Metrics[LabelEvaluation](
    names=(*FROM_IMAGES, *FROM_COUNTS, "auroc", "map"),
    from_counts=FROM_COUNTS,
    from_images={name: partial(_mean_over_images, values) for name, values in FROM_IMAGES.items()},
    ranked={
        "auroc": lambda table: table.auroc,
        "map": lambda table: table.average_precision,
    },
)
"""For images with several labels.

`acc` is the share of right decisions on an image and a label, `exact_match` that of images with all labels right.
`precision`, `recall` and `f1` are means over all labels, `…_micro` those of all decisions together. `auroc` and `map`
(of the average precision) are means over the labels that have them.
"""


def label_intervals(evaluation: LabelEvaluation, resamples: int) -> dict[str, Interval]:
    """Give 95% confidence intervals, as `bootstrap_intervals` does.

    Args:
        evaluation: Of at least one image.
        resamples: How many draws, at least 1.
    """
    columns = [
        *(evaluation.predicted & evaluation.targets, evaluation.targets, evaluation.predicted),
        *(values(evaluation)[:, None] for values in FROM_IMAGES.values()),
    ]
    sums = _drawn_sums(np.concatenate(columns, axis=1, dtype=np.float32), resamples)
    num_labels = len(evaluation.class_names)
    of_counts, of_images = sums[:, : 3 * num_labels], sums[:, 3 * num_labels :]
    counts = ClassCounts(*of_counts.reshape(resamples, 3, num_labels).swapaxes(0, 1))
    values = dict(zip(FROM_IMAGES, of_images.T / len(evaluation), strict=True))
    values |= {name: score(counts) for name, score in FROM_COUNTS.items()}
    return {name: interval_of(each) for name, each in values.items()}


def _drawn_sums(values: Floats, resamples: int) -> Floats:
    """Draw the N rows of values (N, M) again and again, and give their sums, (resamples, M)."""
    generator = np.random.default_rng(SEED)
    count, sums = len(values), []
    for start in range(0, resamples, DRAWS_AT_ONCE):
        draws = [generator.integers(count, size=count) for _ in range(min(DRAWS_AT_ONCE, resamples - start))]
        times = np.stack([np.bincount(rows, minlength=count) for rows in draws])
        sums.append(times.astype(np.float32) @ values)
    return np.concatenate(sums)
