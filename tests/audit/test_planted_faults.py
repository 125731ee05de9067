"""Every planted fault is found where it is."""

import csv
from pathlib import Path

import pytest
from tests.audit.planting import Planted

from litclassify.cli import main


@pytest.fixture(scope="module")
def report(planted: tuple[Path, Planted], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    root = str(planted[0])
    main(["audit", "--data", "ImageFolder", "--data.root", root, "--output", str(folder), "--no_label_errors"])
    return folder


def read(report: Path) -> list[dict[str, str]]:
    with (report / "audit.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_planted_fault_is_found(planted: tuple[Path, Planted], report: Path) -> None:
    found = {(row["kind"], place) for row in read(report) for place in (row["path"], row["class"], row["other path"])}
    expected = planted[1].expected
    assert len(expected) >= 20
    assert {name: fault for name, fault in expected.items() if fault not in found} == {}
