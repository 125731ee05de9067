"""Mixing is what torchvision's transforms do with the same draws, and its targets have the same shares."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import beta, ks_2samp, kstest
from timm.data import Mixup
from torch import Tensor
from torchvision.transforms import v2

from litclassify.batch_mixing import BatchMixing, CutMix, MixUp, MixUpOrCutMix, cut_mix, mix_up
from litclassify.errors import UserError

NUM_CLASSES = 5
IMAGES = torch.randint(0, 256, (6, 3, 12, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 3, 4, 0])
TARGETS = torch.nn.functional.one_hot(CLASSES, NUM_CLASSES).float()
BOTH = MixUpOrCutMix(mixup_alpha=1.0)
DRAWS = 2000
BLACK_AND_WHITE = (torch.arange(DRAWS) % 2).float().view(-1, 1, 1, 1).expand(-1, 1, 96, 64)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_mix_up_is_torchvisions(share: float) -> None:
    reference = v2.MixUp(num_classes=NUM_CLASSES)
    expected = reference.transform(IMAGES / 255, {"labels": None, "lam": share, "batch_size": 6})
    torch.testing.assert_close(mix_up(IMAGES, np.array([share])), expected)


@pytest.mark.parametrize("seed", range(20))
def test_cut_mix_is_torchvisions(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    share, (y, x) = rng(seed).random(), rng(seed + 100).random(2)
    reference = v2.CutMix(num_classes=NUM_CLASSES)
    centers = iter([int(x * 17), int(y * 12)])  # It draws across, then down.
    with monkeypatch.context() as patch:
        patch.setattr(reference._dist, "sample", lambda shape: torch.tensor([share], dtype=torch.float64))
        patch.setattr(torch, "randint", lambda *args, **kwargs: torch.tensor([next(centers)]))
        expected, expected_targets = reference(IMAGES, CLASSES)
    images, kept = cut_mix(IMAGES, np.array([share]), np.array([[y], [x]]))
    assert torch.equal(images, expected)
    share = float(kept[0])
    torch.testing.assert_close(share * TARGETS + (1 - share) * TARGETS.roll(1, 0), expected_targets.float())


@pytest.mark.parametrize("mixing", [MixUp(), CutMix(), BOTH])
@pytest.mark.parametrize("per_image", [False, True])
def test_targets_have_the_shares_of_the_pixels(mixing: BatchMixing, per_image: bool) -> None:
    mixing.per_image = per_image
    flat = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 20, 20) / 6
    values = torch.arange(6.0) / 6
    for seed in range(30):
        images, targets = mixing(flat, torch.eye(6), rng(seed))
        torch.testing.assert_close(images.mean(dim=(1, 2, 3)), targets @ values, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(6))


@pytest.mark.parametrize("build", [MixUp, CutMix, MixUpOrCutMix])
def test_one_draw_serves_the_batch_unless_every_image_has_its_own(build: Callable[..., BatchMixing]) -> None:
    for seed in range(10):
        images, targets = build(per_image=False)(BLACK_AND_WHITE[:6], torch.eye(6), rng(seed))
        taken = (images - BLACK_AND_WHITE[:6]).abs()
        torch.testing.assert_close(taken, taken[:1].expand_as(taken))
        assert targets.diagonal().unique().numel() == 1
        images, targets = build(per_image=True)(BLACK_AND_WHITE[:6], torch.eye(6), rng(seed))
        assert (images - BLACK_AND_WHITE[:6]).abs().unique(dim=0).shape[0] == 6
        assert targets.diagonal().unique().numel() == 6


@pytest.mark.parametrize(("alpha", "variance"), [(1.0, 1 / 12), (0.2, 1 / (4 * 1.4))])
def test_shares_follow_the_beta_distribution(alpha: float, variance: float) -> None:
    images = torch.zeros(20_000, 1, 1, 1)
    _, targets = MixUp(alpha, per_image=True)(images, torch.eye(2).repeat(10_000, 1), rng())
    shares = targets[::2, 0]
    assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
    assert shares.var().item() == pytest.approx(variance, rel=0.05)


def drawn(mixing: BatchMixing) -> tuple[Tensor, Tensor]:
    """Give what an image takes of its neighbour, DRAWS times: at each pixel, (N, H, W), and in its target, (N,)."""
    size, count, used = (DRAWS, 1, DRAWS) if mixing.per_image else (2, DRAWS, 1)
    given, classes, source = BLACK_AND_WHITE[:size], torch.eye(2).repeat(size // 2, 1), rng(1)
    mixed = [mixing(given, classes, source) for _ in range(count)]
    pixels = torch.cat([(images - given).abs()[:used, 0] for images, _ in mixed])
    return pixels, torch.cat([1 - (targets * classes).sum(dim=1)[:used] for _, targets in mixed])


def boxes(pixels: Tensor) -> dict[str, Tensor]:
    """Give the first places and lengths of boxes of ones among zeros, (N, H, W), but for those without an area."""
    pixels = pixels[pixels.flatten(1).any(dim=1)]
    down, across = pixels.amax(dim=2), pixels.amax(dim=1)
    assert torch.equal(pixels, down[:, :, None] * across[:, None, :])
    first, length = {"top": down, "left": across}, {"height": down, "width": across}
    found = {name: inside.argmax(dim=1) for name, inside in first.items()}
    return found | {name: inside.sum(dim=1) for name, inside in length.items()}


def timms_boxes(alpha: float) -> dict[str, Tensor]:
    mixing = Mixup(mixup_alpha=0, cutmix_alpha=alpha, mode="elem", num_classes=2)
    images, _ = mixing(BLACK_AND_WHITE.clone(), torch.arange(DRAWS) % 2)
    return boxes((images - BLACK_AND_WHITE).abs()[:, 0])


def assert_drawn_alike(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Check that each measure, and the area, are of one distribution."""
    for measures in (found, expected):
        measures["area"] = measures["height"] * measures["width"]
    for name, values in expected.items():
        assert ks_2samp(found[name], values).pvalue > 1e-4, name  # This low, since many are compared.


@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 4.0])
def test_boxes_are_drawn_as_timms(alpha: float, per_image: bool) -> None:
    pixels, shares = drawn(CutMix(alpha, per_image=per_image))
    torch.testing.assert_close(shares, pixels.mean(dim=(1, 2)))
    found = boxes(pixels)
    assert_drawn_alike(found, timms_boxes(alpha))
    middles = found["top"] + found["height"] / 2, found["left"] + found["width"] / 2
    assert abs(np.corrcoef(*middles)[0, 1]) < 0.07  # Three standard deviations.


@pytest.mark.parametrize("per_image", [False, True])
def test_the_choice_draws_each_kind_with_its_own_alpha(per_image: bool) -> None:
    pixels, shares = drawn(MixUpOrCutMix(4.0, 0.5, cutmix_probability=0.6, per_image=per_image))
    cut = ((pixels == 0) | (pixels == 1)).flatten(1).all(dim=1)
    assert cut.float().mean().item() == pytest.approx(0.6, abs=0.033)  # Three standard deviations.
    assert_drawn_alike(boxes(pixels[cut]), timms_boxes(0.5))
    assert kstest(shares[~cut], beta(4.0, 4.0).cdf).pvalue > 0.01
    torch.testing.assert_close(shares, pixels.mean(dim=(1, 2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("probability", "types"), [(0.0, {torch.float32}), (1.0, {torch.uint8})])
def test_the_choice_follows_its_probability(probability: float, types: set[torch.dtype]) -> None:
    mixing = MixUpOrCutMix(cutmix_probability=probability)
    assert {mixing(IMAGES, TARGETS, rng(seed))[0].dtype for seed in range(10)} == types


def test_the_choice_is_made_for_every_image() -> None:
    images, _ = MixUpOrCutMix(1.0, 1.0, per_image=True)(IMAGES, TARGETS, rng(1))
    own = torch.isclose(images, IMAGES / 255) | torch.isclose(images, IMAGES.roll(1, 0) / 255)
    cut = own.flatten(1).all(dim=1)
    assert cut.any()
    assert not cut.all()


@pytest.mark.parametrize("mixing", [MixUp(), CutMix(), BOTH])
def test_the_same_generator_gives_the_same_batch_and_leaves_the_old_one(mixing: BatchMixing) -> None:
    before = IMAGES.clone()
    first, second = (mixing(IMAGES, TARGETS, rng(3)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert torch.equal(IMAGES, before)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MixUp(0), "alpha must be over 0"),
        (lambda: CutMix(-1), "alpha must be over 0"),
        (lambda: MixUpOrCutMix(cutmix_alpha=0), "cutmix_alpha must be over 0"),
        (lambda: MixUpOrCutMix(cutmix_probability=1.5), r"cutmix_probability must be in \[0, 1\]"),
        (lambda: MixUp(off_last_epochs=-1), "off_last_epochs must be at least 0"),
    ],
)
def test_impossible_settings_are_refused(build, message: str) -> None:
    with pytest.raises(UserError, match=rf"model\.batch_mixing\.{message}"):
        build()
