import numpy as np

from litclassify.evaluation.calibration import reliability_bins


def test_bins_count_every_image_and_include_their_upper_edge() -> None:
    bins = reliability_bins(np.float32([0, 0.1, 0.2, 0.5, 1]), np.array([True, False, True, True, False]), 10)
    assert bins.counts.tolist() == [2, 1, 0, 0, 1, 0, 0, 0, 0, 1]
    assert bins.accuracies[0] == 0.5
    assert np.isnan(bins.accuracies[2])
