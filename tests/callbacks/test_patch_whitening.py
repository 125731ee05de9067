from pathlib import Path

import pytest
import torch
from torch import nn

from litclassify.callbacks.patch_whitening import whitening_filters
from litclassify.cli import main

AIRBENCH = [
    *["fit", "--data", "Digits", "--data.image_size", "16", "--model.optimizer", "SGD", "--model.optimizer.lr", "0.1"],
    *["--trainer.max_epochs", "2", "--trainer.accelerator", "cpu", "--trainer.logger", "false"],
    *["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"],
    *["--model.network", "Airbench", "--model.network.in_channels", "1", "--model.network.widths", "[4, 4, 4]"],
]
WHITENING = ["--trainer.callbacks+", "PatchWhitening"]


def first_layer(run: Path) -> tuple[torch.Tensor, torch.Tensor]:
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return state["network.whitening.weight"], state["network.whitening.bias"]


def newest_run() -> Path:
    return max(Path("runs").glob("*/*"), key=lambda path: path.stat().st_mtime_ns)


def test_outputs_over_all_patches_are_uncorrelated_and_of_variance_one() -> None:
    torch.manual_seed(0)
    images = nn.functional.interpolate(torch.randn(64, 3, 8, 8), scale_factor=2, mode="bilinear")
    outputs = nn.functional.conv2d(images, whitening_filters(images, 2))
    flat = outputs.transpose(0, 1).flatten(1)
    covariance = flat @ flat.T / flat.shape[1]
    # What EPSILON adds to small variances lowers theirs.
    torch.testing.assert_close(covariance - covariance.diag().diag(), torch.zeros(12, 12), atol=1e-4, rtol=0)
    assert covariance.diag()[0] == pytest.approx(1, abs=1e-2)
    assert covariance.diag().max() < 1


def test_filters_are_set_before_the_first_step_and_kept() -> None:
    main([*AIRBENCH, *WHITENING])
    weight, bias = first_layer(newest_run())
    torch.testing.assert_close(weight[:4], -weight[4:])
    assert bias.abs().sum() > 0  # Trained.
    main(["fit", "--ckpt_path", "last", "--trainer.max_epochs", "3"])
    resumed, resumed_bias = first_layer(newest_run())
    assert torch.equal(resumed, weight)
    assert not torch.equal(resumed_bias, bias)


def test_without_it_the_filters_are_trained() -> None:
    main(AIRBENCH)
    weight, _ = first_layer(newest_run())
    assert not torch.allclose(weight[:4], -weight[4:])


def test_other_networks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*AIRBENCH, *WHITENING, "--model.network", "LeNet", "--model.network.in_channels", "1"])
    assert stop.value.code == 2
    assert "PatchWhitening is for the network Airbench" in capsys.readouterr().err


def test_weights_of_another_run_are_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    main(AIRBENCH)
    with pytest.raises(SystemExit) as stop:
        main([*AIRBENCH, *WHITENING, "--model.init_from", str(newest_run() / "checkpoints" / "last.ckpt")])
    assert stop.value.code == 2
    assert "model.init_from" in capsys.readouterr().err
