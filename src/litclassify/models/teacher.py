"""Classifiers that another learns from."""

from abc import ABC, abstractmethod
from argparse import ArgumentError
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser
from torch import nn

from litclassify.errors import UserError, chain_of
from litclassify.files.safe_loading import load_safely
from litclassify.models.image_classifier import ImageClassifier
from litclassify.models.initial_weights import NETWORK_PREFIX
from litclassify.networks import NetworkFactory
from litclassify.suggestions import some_of

# An ImageClassifier wants an optimizer, which a teacher never calls.
NO_OPTIMIZER = partial(torch.optim.SGD, lr=0.0)
REMEDY = "Give a checkpoint that fit has written."


class Teacher(ABC):
    """Builds a trained classifier when a training begins: a trained student needs it no more."""

    @abstractmethod
    def build(self, class_names: Sequence[str]) -> ImageClassifier:
        """Give the classifier, with its weights.

        Args:
            class_names: The student's, in order.
        """


class CheckpointTeacher(Teacher):
    """A checkpoint that `fit` has written, with its network, weights and normalisation.

    Args:
        ckpt_path: The file.
    """

    def __init__(self, ckpt_path: str) -> None:
        self.ckpt_path = ckpt_path

    def build(self, class_names: Sequence[str]) -> ImageClassifier:
        """Give the classifier of the checkpoint.

        Raises:
            UserError: There is no such file, it cannot be read, or has other classes.
        """
        given, file = f"model.teacher.ckpt_path '{self.ckpt_path}'", Path(self.ckpt_path).expanduser()
        if not file.is_file():
            raise UserError(f"{given} is not a file. {REMEDY}")
        content = load_safely(file, f"{given} is not a checkpoint that can be loaded safely", REMEDY)
        stored = content.get("hyper_parameters", {}) if isinstance(content, Mapping) else {}
        if "network" not in stored:
            raise UserError(f"{given} does not say what its network is. {REMEDY}")
        if list(stored["class_names"]) != list(class_names):
            raise UserError(
                f"{given} has other classes than the data.\nteacher ({len(stored['class_names'])}): "
                f"{some_of(stored['class_names'])}\ndata ({len(class_names)}): {some_of(class_names)}"
            )
        classifier = _classifier(_network(stored["network"], given), stored)
        state = {name: value for name, value in content["state_dict"].items() if name.startswith(NETWORK_PREFIX)}
        classifier.network.load_state_dict({name.removeprefix(NETWORK_PREFIX): v for name, v in state.items()})
        return classifier


class NetworkTeacher(Teacher):
    """A network that has weights of its own, such as a `TorchvisionNetwork` with a file of `weights`.

    Args:
        network: The network.
        mean: Mean per channel on the [0, 1] scale, as it was trained with.
        std: Standard deviation per channel on the [0, 1] scale, likewise.
    """

    def __init__(self, network: NetworkFactory, mean: Sequence[float], std: Sequence[float]) -> None:
        self.network = network
        self.normalisation = {"mean": mean, "std": std}

    def build(self, class_names: Sequence[str]) -> ImageClassifier:
        """Give a classifier of the network.

        Raises:
            UserError: Some of its weights are random, such as those of a head for other classes.
        """
        classifier = _classifier(self.network, {"class_names": class_names, **self.normalisation})
        with torch.random.fork_rng(devices=[]):  # What is drawn after it stays as it was.
            again = self.network(num_classes=len(class_names)).state_dict()
        weights = classifier.network.state_dict()
        random = [name for name, value in weights.items() if not torch.equal(value, again[name])]
        if random:
            raise UserError(
                f"model.teacher.network has no trained weights in {len(random)} of {len(weights)} tensors: "
                f"{some_of(random)}. It would teach noise. Give it weights for the {len(class_names)} classes of the "
                "data, or train it, and take CheckpointTeacher."
            )
        return classifier


def _classifier(network: NetworkFactory, stored: Mapping[str, Any]) -> ImageClassifier:
    arguments = {name: stored[name] for name in ("class_names", "mean", "std", "channels_last") if name in stored}
    # The default loss is one for all classifiers, and the teacher's evaluation mode would be its own, too.
    return ImageClassifier(network, NO_OPTIMIZER, criterion=nn.CrossEntropyLoss(), **arguments)


def _network(config: Any, given: str) -> NetworkFactory:
    """Build what the configuration of a checkpoint calls its network, under the rules for what a config may name."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--network", type=NetworkFactory)
    try:
        network: NetworkFactory = parser.instantiate_classes(parser.parse_object({"network": config})).network
    except (ArgumentError, ImportError, ValueError, TypeError) as error:
        *_, root = chain_of(error)  # jsonargparse wraps what was raised in all the types that it tried.
        reason = str(root).strip().partition("\n")[0]
        raise UserError(f"{given} names a network that cannot be built: {reason}") from error
    return network
