"""Every planted fault is found where it is."""

import csv
import os
import tarfile
from pathlib import Path

import pytest
from tests.audit.planting import Planted, Planter

from litclassify.cli import main

TEST_DATA = os.environ.get("TEST_IMAGES")


@pytest.fixture(scope="module")
def report(planted: tuple[Path, Planted], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    root = str(planted[0])
    main(["audit", "--data", "ImageFolder", "--data.root", root, "--output", str(folder), "--no_label_errors"])
    return folder


def read(report: Path) -> list[dict[str, str]]:
    with (report / "audit.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def missed(planted: Planted, report: Path) -> dict[str, tuple[str, str]]:
    found = {(row["kind"], place) for row in read(report) for place in (row["path"], row["class"])}
    return {name: fault for name, fault in planted.expected.items() if fault not in found}


def test_every_planted_fault_is_found(planted: tuple[Path, Planted], report: Path) -> None:
    assert len(planted[1].expected) >= 20
    assert missed(planted[1], report) == {}


@pytest.mark.slow
@pytest.mark.skipif(TEST_DATA is None, reason="TEST_IMAGES is unset")
def test_every_fault_planted_in_cifar10_is_found(tmp_path: Path) -> None:
    with tarfile.open(Path(TEST_DATA or "") / "cifar10-images.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    root = next(path.parent for path in tmp_path.rglob("train"))
    for folder in root.glob("*/*"):
        for path in sorted(folder.iterdir())[200:]:
            path.unlink()
    planted = Planter(root).plant_all()
    main(["audit", "--data", "ImageFolder", "--data.root", str(root), "--output", "report", "--no_label_errors"])
    assert missed(planted, Path("report")) == {}
