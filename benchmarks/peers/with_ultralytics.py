"""ultralytics: its classification trainer, on the trunk of torchvision's ResNet-18 with ultralytics' head."""

import yaml
from ultralytics import YOLO

from benchmarks.peers.training_task import LEARNING_RATE, read_task, report

# yolo11-cls-resnet18.yaml of ultralytics, without the pretrained weights.
RESNET18 = {
    "nc": 10,
    "backbone": [[-1, 1, "TorchVision", [512, "resnet18", None, True, 2]]],
    "head": [[-1, 1, "Classify", ["nc"]]],
}
NO_AUGMENTATION = {"auto_augment": None, "erasing": 0.0, "fliplr": 0.0, "scale": 0.0}
NO_AUGMENTATION |= {"hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0}


def main() -> None:
    """Train and report."""
    task = read_task()
    task.output.mkdir(parents=True, exist_ok=True)
    config = task.output / "resnet18-cls.yaml"
    config.write_text(yaml.safe_dump(RESNET18), encoding="utf-8")
    model = YOLO(config, task="classify")
    metrics = model.train(
        data=str(task.data),
        epochs=task.epochs,
        batch=task.batch_size,
        workers=task.workers,
        project=str(task.output),
        imgsz=32,
        device="cpu",
        amp=False,
        optimizer="Adam",
        lr0=LEARNING_RATE,
        lrf=1.0,
        warmup_epochs=0.0,
        weight_decay=0.0,
        pretrained=False,
        plots=False,
        **NO_AUGMENTATION,
    )
    report(metrics.top1)


if __name__ == "__main__":
    main()
