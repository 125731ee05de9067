"""Which devices compute in bfloat16."""

import torch


def computes_bfloat16(device_type: str) -> bool:
    """Whether a device has instructions for bfloat16: the others take it, too, and are slower than with float32.

    Args:
        device_type: As of a `torch.device`; of several GPUs, the current one is asked.
    """
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch says it of CPUs in no public way, and computes with such instructions through oneDNN alone.
    return (
        device_type == "cpu"
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.cpu._is_avx512_bf16_supported()
    )
