import json
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from tests.conftest import SMALL

from litclassify.callbacks import MetricsFile
from litclassify.cli import main
from litclassify.cli.results.metric_files import read_metrics


def refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


class Undefined(LightningModule):
    """Logs one metric of each sort."""

    def test_step(self, batch: object, batch_idx: int) -> None:
        self.log_dict({"test_acc": 0.5, "test_kappa": torch.nan, "test_loss": torch.inf, "other": 1.0})


def measure(file: Path) -> None:
    trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, callbacks=[MetricsFile(file)])
    trainer.test(Undefined(), [torch.zeros(1)], verbose=False)


def test_what_is_no_number_is_null_with_the_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "metrics.json"
    with caplog.at_level("INFO"):
        measure(file)
    metrics = json.loads(file.read_text(), parse_constant=refuse)
    assert metrics == {"test_acc": 0.5, "test_kappa": None, "test_loss": None}
    assert "metrics.json holds null for what JSON has no number for: test_kappa (nan), test_loss (inf)." in caplog.text
    assert read_metrics(file) == {"test_acc": 0.5}


def test_who_reads_the_file_meanwhile_has_all_of_the_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"test_acc": 0.25}')
    with (tmp_path / "metrics.json").open() as reader:
        measure(tmp_path / "metrics.json")
        assert json.load(reader) == {"test_acc": 0.25}
    assert read_metrics(tmp_path / "metrics.json") == {"test_acc": 0.5}


def test_a_single_image_has_nothing_to_be_ranked_before(caplog: pytest.LogCaptureFixture) -> None:
    main(["fit", *SMALL, "--trainer.max_epochs", "1"])
    # One of 359; whether 1 is a number or a share depends on which of typing's unions was made first in this process.
    main(["test", "--ckpt_path", "best", "--trainer.limit_test_batches", "0.003", "--data.batch_size", "1"])
    (file,) = Path("runs").glob("*/*/metrics.json")
    metrics = json.loads(file.read_text(), parse_constant=refuse)
    assert metrics["test_auroc"] is None
    assert "test_auroc (nan)" in caplog.text
