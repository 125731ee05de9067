"""The tutorial's code: torchvision's ImageFolder, a DataLoader, a LightningModule with an accuracy, a Trainer."""

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics import Accuracy
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks.peers.training_task import LEARNING_RATE, MEAN, NUM_CLASSES, STD, TrainingTask, read_task, report


class Classifier(LightningModule):
    """A network with its loss, accuracy and optimizer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.model = network
        self.criterion = nn.CrossEntropyLoss()
        self.train_acc = Accuracy(task="multiclass", num_classes=NUM_CLASSES)
        self.val_acc = Accuracy(task="multiclass", num_classes=NUM_CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Images to logits."""
        return self.model(images)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Loss of a batch."""
        images, targets = batch
        logits = self(images)
        loss = self.criterion(logits, targets)
        self.train_acc(logits, targets)
        self.log("train_loss", loss, prog_bar=True)
        self.log("train_acc", self.train_acc, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Loss and accuracy of a batch."""
        images, targets = batch
        logits = self(images)
        self.val_acc(logits, targets)
        self.log("val_loss", self.criterion(logits, targets), prog_bar=True)
        self.log("val_acc", self.val_acc, prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


def make_loader(task: TrainingTask, split: str) -> DataLoader[tuple[Tensor, Tensor]]:
    """Images of a split, shuffled and perhaps augmented if they are for training."""
    training = split == "train"
    augmentation = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
    usual = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    transform = transforms.Compose([*(augmentation if training and task.augment else []), *usual])
    images = ImageFolder(str(task.data / split), transform)
    return DataLoader(images, batch_size=task.batch_size, shuffle=training, num_workers=task.workers)


def main() -> None:
    """Train and report."""
    task = read_task(stoppable=True)
    classifier = Classifier(task.build_network())
    stop = EarlyStopping("val_acc", mode="max", patience=10, stopping_threshold=task.stop_at)
    trainer = Trainer(
        max_epochs=task.epochs,
        accelerator="cpu",
        devices=1,
        default_root_dir=task.output,
        callbacks=[ModelCheckpoint(monitor="val_acc", mode="max"), stop],
    )
    trainer.fit(classifier, make_loader(task, "train"), make_loader(task, "val"))
    report(trainer.callback_metrics["val_acc"])


if __name__ == "__main__":
    main()
