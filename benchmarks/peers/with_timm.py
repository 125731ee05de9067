"""timm: its data sets, loaders, optimizers, meters and checkpoints, in the loop of its train.py (not in the wheel)."""

import timm.optim
import torch
from timm.data import create_dataset, create_loader
from timm.data.loader import PrefetchLoader
from timm.utils import AverageMeter, CheckpointSaver, accuracy
from torch import nn

from benchmarks.peers.training_task import LEARNING_RATE, MEAN, STD, TrainingTask, read_task, report

LOG_INTERVAL = 50


def make_loader(task: TrainingTask, split: str) -> PrefetchLoader:
    """Images of a split, collated as uint8 and normalised in batches; training leaves out a last, smaller batch."""
    return create_loader(
        create_dataset("", root=str(task.data), split=split),
        input_size=(3, 32, 32),
        batch_size=task.batch_size,
        is_training=split == "train",
        no_aug=True,
        crop_pct=1.0,
        mean=MEAN,
        std=STD,
        num_workers=task.workers,
        device=torch.device("cpu"),
    )


def train_one_epoch(
    network: nn.Module, loader: PrefetchLoader, criterion: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """One pass over the training images."""
    network.train()
    losses = AverageMeter()
    for step, (images, targets) in enumerate(loader):
        loss = criterion(network(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % LOG_INTERVAL == 0:
            losses.update(loss.item(), len(images))
            print(f"step {step}: loss {losses.val:.4f} ({losses.avg:.4f})")


@torch.inference_mode()
def validate(network: nn.Module, loader: PrefetchLoader, criterion: nn.Module) -> float:
    """Validation accuracy, in [0, 1]."""
    network.eval()
    losses, top1 = AverageMeter(), AverageMeter()
    for images, targets in loader:
        logits = network(images)
        losses.update(criterion(logits, targets).item(), len(images))
        top1.update(accuracy(logits, targets, topk=(1,))[0].item(), len(images))
    return top1.avg / 100


def main() -> None:
    """Train and report."""
    task = read_task()
    network = task.build_network()
    criterion = nn.CrossEntropyLoss()
    optimizer = timm.optim.create_optimizer_v2(network, opt="adam", lr=LEARNING_RATE)
    task.output.mkdir(parents=True, exist_ok=True)
    saver = CheckpointSaver(network, optimizer, checkpoint_dir=str(task.output), recovery_dir=str(task.output))
    train_loader, val_loader = make_loader(task, "train"), make_loader(task, "val")
    val_acc = 0.0
    for epoch in range(task.epochs):
        train_one_epoch(network, train_loader, criterion, optimizer)
        val_acc = validate(network, val_loader, criterion)
        saver.save_checkpoint(epoch, metric=val_acc)
    report(val_acc)


if __name__ == "__main__":
    main()
