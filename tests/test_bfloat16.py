"""Who asks whether a device computes in bfloat16 is told the same."""

import pytest
import torch

from litclassify.cli.trainer.precision import automatic_precision
from litclassify.optim.muon import _compute_dtype


@pytest.mark.parametrize("has_bf16", [True, False])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_muon_and_automatic_precision_agree(device: str, has_bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    assert automatic_precision(device)[0] == ("bf16-mixed" if has_bf16 else "32-true")
    assert _compute_dtype(torch.device(device)) == (torch.bfloat16 if has_bf16 else torch.float32)


def test_a_cpu_computes_it_through_onednn_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert automatic_precision("cpu")[0] == "32-true"
    assert _compute_dtype(torch.device("cpu")) == torch.float32
