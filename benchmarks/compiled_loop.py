"""ResNet-50 in a loop written by hand that does nothing but train: compiled, channels last, bfloat16, one batch.

Run: python -m benchmarks.compiled_loop --steps 100 --skipped_steps 20 --batch_size 256
"""

import argparse
import json
import time

import torch
from torch.nn.functional import cross_entropy

from benchmarks.gpu_parts import SyntheticImages, made_up_batch, seeded_resnet50, wait_for_device

NUM_CLASSES = 1000


def train(arguments: argparse.Namespace) -> dict[str, float]:
    """Give the seconds and images of the steps after the skipped ones, and the loss of the last."""
    device = arguments.device
    network = seeded_resnet50(NUM_CLASSES).to(device, memory_format=torch.channels_last)
    compiled = torch.compile(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-5, fused=True)
    stored, targets = made_up_batch(arguments.batch_size, arguments.image_size, NUM_CLASSES, device)
    mean, std = (
        torch.tensor(values, device=device).view(3, 1, 1) for values in (SyntheticImages.mean, SyntheticImages.std)
    )
    for step in range(arguments.skipped_steps + arguments.steps):
        if step == arguments.skipped_steps:
            wait_for_device()
            start = time.perf_counter()
        images = ((stored / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16):
            loss = cross_entropy(compiled(images), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    wait_for_device()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "images": arguments.steps * arguments.batch_size, "loss": loss.item()}


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--skipped_steps", type=int, required=True)
    parser.add_argument("--batch_size", type=int, required=True)
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--device", default="cuda")
    print(json.dumps(train(parser.parse_args())))


if __name__ == "__main__":
    main()
