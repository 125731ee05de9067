"""The files of a run to which its metrics are logged."""

from pathlib import Path

METRICS_CSV = "metrics.csv"
EVENTS = "events.out.tfevents.*"


def log_files(folder: Path) -> list[Path]:
    """Give the files in a folder to which metrics have been logged."""
    return [file for pattern in (METRICS_CSV, EVENTS) for file in folder.glob(pattern) if file.is_file()]
