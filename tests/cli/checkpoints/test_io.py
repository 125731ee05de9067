import os
from pathlib import Path

import pytest
import torch
from lightning.pytorch.plugins.io import AsyncCheckpointIO
from lightning.pytorch.trainer import Trainer

from litclassify.cli.checkpoints import io as checkpoint_io
from litclassify.cli.checkpoints.io import DurableCheckpointIO

CONTENT = {"weights": torch.arange(5), "epoch": 3}


def test_checkpoint_is_written_with_its_folder_and_read(tmp_path: Path):
    file = tmp_path / "new" / "last.ckpt"
    DurableCheckpointIO().save_checkpoint(CONTENT, file)
    loaded = DurableCheckpointIO().load_checkpoint(file, weights_only=True)
    assert torch.equal(loaded["weights"], CONTENT["weights"])
    assert [path.name for path in file.parent.iterdir()] == ["last.ckpt"]


def test_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch):
    file = tmp_path / "last.ckpt"
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append((os.fstat(descriptor).st_size, file.exists())))
    DurableCheckpointIO().save_checkpoint(CONTENT, file)
    assert synced[0] == (file.stat().st_size, False)
    assert synced[1][1]  # The folder, with the new name.


@pytest.mark.parametrize("failing", ["save", "fsync"])
def test_failure_leaves_the_older_checkpoint(tmp_path: Path, monkeypatch, failing):
    file = tmp_path / "last.ckpt"
    DurableCheckpointIO().save_checkpoint({"epoch": 1}, file)

    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(*{"save": (checkpoint_io.torch, "save"), "fsync": (os, "fsync")}[failing], fail)
    with pytest.raises(OSError, match="No space"):
        DurableCheckpointIO().save_checkpoint({"epoch": 2}, file)
    assert torch.load(file, weights_only=True) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_folder_that_is_deleted_while_a_checkpoint_is_written_is_made_anew(tmp_path: Path, monkeypatch):
    file, save, deleted = tmp_path / "new" / "last.ckpt", torch.save, []

    def delete_once(*args):
        save(*args)
        if not deleted:
            deleted.append(file.parent.rename(tmp_path / "deleted"))

    monkeypatch.setattr(checkpoint_io.torch, "save", delete_once)
    DurableCheckpointIO().save_checkpoint(CONTENT, file)
    assert deleted
    assert torch.load(file, weights_only=True)["epoch"] == 3


def test_remote_file_is_written_by_lightning():
    DurableCheckpointIO().save_checkpoint(CONTENT, "memory://run/last.ckpt")
    loaded = DurableCheckpointIO().load_checkpoint("memory://run/last.ckpt", weights_only=True)
    assert loaded["epoch"] == 3


def test_runs_write_so_unless_the_config_names_another(fit, monkeypatch):
    used = []
    save = Trainer.save_checkpoint
    monkeypatch.setattr(
        Trainer, "save_checkpoint", lambda self, *args: used.append(self.strategy.checkpoint_io) or save(self, *args)
    )
    fit()
    assert type(used[-1]) is DurableCheckpointIO
    fit("--trainer.plugins+=AsyncCheckpointIO")
    assert type(used[-1]) is AsyncCheckpointIO
