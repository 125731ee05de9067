"""Images whose class is the colour of a bright patch at a random place, and networks that learn it in seconds."""

import torch
from torch import Tensor, nn

SIZE = 32
PATCH = 8
NUM_CLASSES = 3


def planted_images(count: int, seed: int, size: int = SIZE) -> tuple[Tensor, Tensor, Tensor]:
    """Give images (N, 3, size, size) of noise, their classes (N,) and the top left corners of their patches (N, 2)."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, size, size, generator=generator) * 0.4
    classes = torch.randint(NUM_CLASSES, (count,), generator=generator)
    corners = torch.randint(size - PATCH + 1, (count, 2), generator=generator)
    for image, label, (top, left) in zip(images, classes.tolist(), corners.tolist(), strict=True):
        image[label, top : top + PATCH, left : left + PATCH] += 0.6
    return images, classes, corners


def train(network: nn.Module, steps: int, rate: float, size: int = SIZE) -> float:
    """Train a network on planted images, and give its accuracy on others."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    network.train()
    for step in range(steps):
        images, classes, _ = planted_images(32, seed=step, size=size)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), classes).backward()
        optimizer.step()
    network.eval()
    images, classes, _ = planted_images(200, seed=10_000, size=size)
    with torch.no_grad():
        return float((network(images).argmax(1) == classes).float().mean())


def share_on_patch(maps: Tensor, corners: Tensor) -> float:
    """Give the share of maps (N, H, W) whose maximum lies on the patch."""
    places = maps.flatten(1).argmax(dim=1)
    places = torch.stack([places // maps.shape[2], places % maps.shape[2]], dim=1)
    return float(((places >= corners) & (places < corners + PATCH)).all(dim=1).float().mean())
