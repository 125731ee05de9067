from pathlib import Path

from lightning.pytorch.callbacks import LearningRateMonitor, Timer

from litclassify.callbacks import MetricsFile
from litclassify.cli.trainer.callbacks import unless_configured


class MyMetricsFile(MetricsFile):
    pass


def test_a_callback_of_the_config_takes_the_place_of_ours() -> None:
    ours = [MetricsFile(Path("metrics.json")), LearningRateMonitor()]
    assert unless_configured(ours, [Timer(), MyMetricsFile(Path("mine.json"))]) == ours[1:]
    assert unless_configured(ours, [Timer()]) == ours
