"""A training whose loss is not finite, from the command line."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import REPOSITORY, SMALL

from litclassify.cli import main

PLANTED = """
import os
import torch
class Planted(torch.nn.CrossEntropyLoss):
    seen = 0
    def forward(self, logits, targets):
        loss = super().forward(logits, targets)
        if logits.requires_grad:
            self.seen += 1
            if self.seen == 8 and os.environ.get("LOCAL_RANK", "0") == os.environ.get("BAD_RANK", "0"):
                loss = loss * float("nan")
        return loss
"""
WORDS = [*SMALL, "--allow_import", "planted", "--model.criterion", "planted.Planted"]
SKIP = ["--trainer.callbacks+=LossGuard", "--trainer.callbacks.policy", "skip"]
ROLL_BACK = ["--trainer.callbacks+=LossGuard", "--trainer.callbacks.policy", "roll_back"]


@pytest.fixture(autouse=True)
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "planted.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(tmp_path)


def test_fit_stops_with_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fit", *WORDS])
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert "error: Training stopped: the training loss is nan at step 7 (epoch 1, batch 2), of 'train/" in printed
    (last,) = Path("runs").glob("*/*/checkpoints/last.ckpt")
    assert f"last good checkpoint: {last}\n" in printed
    assert "Traceback" not in printed
    main(["test", "--ckpt_path", str(last), "--allow_import", "planted"])


@pytest.mark.parametrize("policy", [SKIP, ROLL_BACK])
def test_fit_goes_on_with_another_policy(
    fit: Callable[..., Path], caplog: pytest.LogCaptureFixture, policy: list[str]
) -> None:
    with pytest.warns(UserWarning, match=r"Left out \(1 of at most 10\): the training loss is nan at step 7"):
        fit(*WORDS, *policy)
    assert "LossGuard left out 1 batches" in caplog.text
    assert ("Rolled back to" in caplog.text) == (policy is ROLL_BACK)


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "code"), [([], 2), (SKIP, 0)])
def test_the_loss_of_one_process_counts_for_both(policy: list[str], code: int) -> None:
    words = ["fit", *WORDS, *policy, "--data.batch_size", "128", "--trainer.strategy", "ddp", "--trainer.devices", "2"]
    environment = {**os.environ, "PYTHONPATH": f"{Path.cwd()}:{os.environ['PYTHONPATH']}", "BAD_RANK": "1"}
    ended = subprocess.run(
        [sys.executable, REPOSITORY / "main.py", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.count("the training loss is nan at step 7 (epoch 1, batch 2), of 'train/") == 1
    assert "Traceback" not in ended.stderr
    named = [int(index) for index in re.findall(r"'train/(\d+)'", ended.stderr)]
    order = np.random.RandomState([0, 1]).permutation(1258)
    assert named == order[1::2][256:261].tolist()  # Of the second process.
