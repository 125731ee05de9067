"""Suspected label errors, from probabilities of classifiers that never saw the image."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from litclassify.audit.calibration import calibrated
from litclassify.audit.features import Features, thumbnail_features
from litclassify.audit.finding import Finding
from litclassify.audit.hashing import SIDE
from litclassify.audit.inventory import Sample
from litclassify.audit.measures import Measures
from litclassify.data.splitting.folds import stratified_folds
from litclassify.errors import UserError
from litclassify.temperature import Floats

FOLDS = 5
SHRINKAGE = 0.05
# Thumbnails whose gradients are in memory.
AT_ONCE = 4096

Probabilities = Floats


def confident_learning() -> Callable[..., npt.NDArray[np.int64]]:
    """Give cleanlab's `find_label_issues`.

    Raises:
        UserError: It is not installed.
    """
    try:
        from cleanlab.filter import find_label_issues  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise UserError(
            "Suspected label errors need cleanlab: pip install 'litclassify[audit]', or leave them out with "
            "--no_label_errors."
        ) from error
    found: Callable[..., npt.NDArray[np.int64]] = find_label_issues
    return found


def find_label_errors(
    samples: Sequence[Sample], class_names: Sequence[str], probabilities: Probabilities, max_plausibility: float = 1.0
) -> list[Finding]:
    """Find labels that are probably wrong by confident learning, the least plausible first.

    A class counts for an image where its probability is at least what it is on average over the images of that class.
    An image that counts for another class than its own, and not for its own as much, is suspected.

    Source: https://arxiv.org/abs/1911.00068, by its authors' library, cleanlab.

    Args:
        samples: The images, (N).
        class_names: Of the K classes.
        probabilities: Out of sample, (N, K); NaN in the rows of images without.
        max_plausibility: Probability of its own class up to which an image is listed.

    Raises:
        UserError: cleanlab is not installed.
    """
    find_label_issues = confident_learning()
    known = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
    targets = _targets(samples, class_names)[known]
    # Classes without images have no threshold.
    present, targets = np.unique(targets, return_inverse=True)
    if len(present) < 2:  # noqa: PLR2004
        return []
    own = probabilities[np.ix_(known, present)]
    own /= own.sum(axis=1, keepdims=True).clip(1e-12)
    suspected = find_label_issues(
        targets, own, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    findings = []
    for i in suspected.tolist():
        sample, row = samples[int(known[i])], own[i]
        if row[targets[i]] > max_plausibility:
            break
        best = int(row.argmax())
        detail = f"'{class_names[present[best]]}' {row[best]:.1%}, its label {row[targets[i]]:.1%}"
        findings.append(Finding("label", detail, sample.path, sample.split, sample.class_name))
    return findings


def find_as_many_as_calibrated(
    samples: Sequence[Sample], class_names: Sequence[str], probabilities: Probabilities
) -> list[Finding]:
    """Find labels that are probably wrong by probabilities that are too sure, as `find_label_errors` does.

    It would suspect several times as many labels as are wrong. Calibrated, probabilities suspect about as many; but
    which ones, those that are too sure tell better (docs/audit.md): the first of theirs are given, as many.

    Args:
        samples: The images, (N).
        class_names: Of the K classes.
        probabilities: Out of sample, (N, K); NaN in the rows of images without.

    Raises:
        UserError: cleanlab is not installed.
    """
    parts = calibrated(probabilities, _targets(samples, class_names))
    # Single precision tells them apart; of those that are too sure, it would make many 0.
    modest = np.concatenate([rows.astype(np.float32) for rows in parts])
    count = len(find_label_errors(samples, class_names, modest))
    del modest
    return find_label_errors(samples, class_names, probabilities)[:count]


def leave_out_unlikely(samples: Sequence[Sample], class_names: Sequence[str], probabilities: Probabilities) -> None:
    """Leave out images of which no class is more likely than not, once probabilities that are too sure are calibrated.

    Args:
        samples: The images, (N).
        class_names: Of the K classes.
        probabilities: Out of sample, (N, K); NaN in the rows of images without, and then of those that are left out.
    """
    largest = [rows.max(axis=1) for rows in calibrated(probabilities, _targets(samples, class_names))]
    probabilities[~(np.concatenate(largest) > 0.5)] = np.nan  # noqa: PLR2004


def cross_validated_probabilities(
    samples: Sequence[Sample], class_names: Sequence[str], features: Features
) -> Probabilities:
    """Give probabilities by linear discriminant analysis of features, each fold by a fit to the others.

    Its fits have a closed form: with 50,000 images they take seconds.

    Args:
        samples: The images, (N).
        class_names: Of the K classes.
        features: Of each image, (N, F); NaN for images that cannot be read.

    Returns:
        (N, K); NaN for images that cannot be read, and where there are too few images to judge them.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # noqa: PLC0415 - a second to import

    readable = np.flatnonzero(~np.isnan(features).any(axis=1))
    probabilities = np.full((len(samples), len(class_names)), np.nan)
    targets = _targets(samples, class_names)[readable]
    scaled = _standardised(features[readable])
    for fold in stratified_folds(targets.tolist(), FOLDS, seed=0):
        others = np.setdiff1d(np.arange(len(readable)), fold)
        # It takes more images than classes, of which there are two or more.
        if not fold or not 1 < len(np.unique(targets[others])) < len(others):
            continue
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # About classes with a single image, which adds nothing to the covariance.
            model.fit(scaled[others], targets[others])
        rows = np.zeros((len(fold), len(class_names)))
        rows[:, model.classes_] = model.predict_proba(scaled[fold])
        probabilities[readable[fold]] = rows
    return probabilities


def rough_features(measures: Sequence[Measures]) -> Features:
    """Give gradients and colours of thumbnails, (N, F); NaN for images that cannot be read."""
    thumbnails = [np.zeros((SIDE, SIDE, 3), np.uint8) if one.thumbnail is None else one.thumbnail for one in measures]
    features = np.concatenate(
        [
            thumbnail_features(np.stack(thumbnails[start : start + AT_ONCE]))
            for start in range(0, len(thumbnails), AT_ONCE)
        ]
    )
    features[[one.thumbnail is None for one in measures]] = np.nan
    return features


def _targets(samples: Sequence[Sample], class_names: Sequence[str]) -> npt.NDArray[np.int64]:
    position = {name: k for k, name in enumerate(class_names)}
    return np.array([position[sample.class_name] for sample in samples], dtype=np.int64)


def _standardised(features: Features) -> Features:
    if not len(features):
        return features
    standardised: Features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-3)
    return standardised
