"""What is true of images, and what a classifier said, in words."""

import numpy as np

from litclassify.evaluation.label_evaluation import AnyEvaluation, LabelEvaluation


def answers(evaluation: AnyEvaluation, separator: str) -> tuple[list[str], list[str]]:
    """Give the target and the prediction of each image by name.

    Args:
        evaluation: Of N images.
        separator: What stands between several labels of an image.

    Returns:
        N names each.
    """
    names = np.array(evaluation.class_names, dtype=object)
    if isinstance(evaluation, LabelEvaluation):
        targets, predicted = (
            [separator.join(names[row]) for row in rows] for rows in (evaluation.targets, evaluation.predicted)
        )
        return targets, predicted
    return names[evaluation.targets].tolist(), names[evaluation.predicted].tolist()
