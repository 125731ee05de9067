"""Folders and file names of checkpoints, before anything is written."""

import pytest
from jsonargparse import Namespace

from litclassify.cli.checkpoints import places
from litclassify.cli.checkpoints.places import check_places
from litclassify.errors import UserError


def checkpoint(**arguments: object) -> Namespace:
    return Namespace(class_path="ModelCheckpoint", init_args=Namespace(**arguments))


@pytest.mark.parametrize(
    "filename",
    [
        None,
        "",
        "best",
        "{epoch}",
        "{epoch:03d}-{step:d}",
        "epoch{epoch:03d}-val_acc{val_acc:.4f}",
        "{val/acc:.2f}",
    ],
)
def test_what_lightning_can_fill_in_is_taken(filename: str | None) -> None:
    check_places(checkpoint(filename=filename, auto_insert_metric_name=False))


def test_no_checkpoints_no_places() -> None:
    check_places(None)
    check_places(Namespace(class_path="ModelCheckpoint"))


def test_names_of_metrics_that_are_inserted_make_no_folders() -> None:
    with pytest.raises(UserError, match="auto_insert_metric_name to false"):
        check_places(checkpoint(filename="{val/acc:.2f}"))


@pytest.mark.parametrize("dirpath", ["elsewhere", "/tmp/elsewhere", "file:///tmp/elsewhere"])
def test_folders_that_can_be_written_to_are_taken(dirpath: str) -> None:
    check_places(checkpoint(dirpath=dirpath))


@pytest.mark.parametrize("dirpath", ["memory://run", "http://host/run"])
def test_remote_folders_are_refused(dirpath: str) -> None:
    with pytest.raises(UserError, match=": not on a file system of this machine"):
        check_places(checkpoint(dirpath=dirpath))


def test_protocol_whose_package_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(places, "get_filesystem", missing)
    with pytest.raises(UserError, match=r"^checkpoint\.dirpath 's3://bucket/run': Install s3fs to access S3\.$"):
        check_places(checkpoint(dirpath="s3://bucket/run"))
