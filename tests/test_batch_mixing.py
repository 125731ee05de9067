"""Mixing is what torchvision's transforms do with the same draws, and its targets have the same shares."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from litclassify.batch_mixing import BatchMixing, CutMix, MixUp, MixUpOrCutMix, cut_mix, mix_up
from litclassify.errors import UserError

NUM_CLASSES = 5
IMAGES = torch.randint(0, 256, (6, 3, 12, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 3, 4, 0])
TARGETS = torch.nn.functional.one_hot(CLASSES, NUM_CLASSES).float()
BOTH = MixUpOrCutMix(mixup_alpha=1.0)


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


def test_one_draw_serves_the_batch_unless_every_image_has_its_own() -> None:
    def shares(per_image: bool) -> Tensor:
        _, targets = MixUp(1.0, per_image=per_image)(IMAGES, torch.eye(6), rng())
        return targets.diagonal()

    assert shares(per_image=False).unique().numel() == 1
    assert shares(per_image=True).unique().numel() == 6


@pytest.mark.parametrize(("alpha", "variance"), [(1.0, 1 / 12), (0.2, 1 / (4 * 1.4))])
def test_shares_follow_the_beta_distribution(alpha: float, variance: float) -> None:
    images = torch.zeros(20_000, 1, 1, 1)
    _, targets = MixUp(alpha, per_image=True)(images, torch.eye(2).repeat(10_000, 1), rng())
    shares = targets[::2, 0]
    assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
    assert shares.var().item() == pytest.approx(variance, rel=0.05)


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
