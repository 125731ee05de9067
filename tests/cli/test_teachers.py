"""Distillation from a network with weights of its own, on the command line."""

import json
from collections.abc import Callable

import torch
from tests.conftest import SMALL
from torchvision.models import resnet18

from litclassify.cli import main


def test_weights_for_other_classes_teach_nothing(mistake: Callable[..., str]) -> None:
    torch.save(resnet18(num_classes=7).state_dict(), "seven.pth")
    torch.save(resnet18(num_classes=10).state_dict(), "ten.pth")
    teacher = {
        "class_path": "NetworkTeacher",
        "init_args": {
            "network": {"class_path": "TorchvisionNetwork", "init_args": {"name": "resnet18", "in_channels": 1}},
            "mean": [0.5],
            "std": [0.25],
        },
    }
    arguments = teacher["init_args"]["network"]["init_args"]
    words = [*SMALL, "--model", "DistilledClassifier", "--trainer.fast_dev_run", "true"]
    arguments["weights"] = "seven.pth"
    message = mistake("fit", *words, "--model.teacher", json.dumps(teacher))
    assert "no trained weights in 2 of 122 tensors: model.fc.weight, model.fc.bias" in message
    assert "for the 10 classes of the data" in message
    arguments["weights"] = "ten.pth"
    main(["fit", *words, "--model.teacher", json.dumps(teacher)])
