"""`trainer.precision auto`."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from litclassify.cli.trainer.precision import automatic_precision

Fit = Callable[..., Path]


def on_cpu(monkeypatch: pytest.MonkeyPatch, has_bf16: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_run_has_and_stores_what_was_chosen(
    has_bf16: bool, expected: str, fit: Fit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_cpu(monkeypatch, has_bf16)
    run = fit("--trainer.precision", "auto", "--trainer.max_epochs", "1")
    assert f"trainer.precision auto is {expected}" in caplog.text
    assert f"precision: {expected}" in (run / "config.fit.yaml").read_text()
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["precision"] == expected


@pytest.mark.parametrize("accelerator", ["auto", "gpu", "cuda"])
@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_gpu_is_asked_where_it_computes(
    accelerator: str, has_bf16: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_cpu(monkeypatch, has_bf16=not has_bf16)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert automatic_precision(accelerator)[0] == expected


def test_another_accelerator_computes_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    on_cpu(monkeypatch, has_bf16=True)
    assert automatic_precision("mps")[0] == "32-true"
