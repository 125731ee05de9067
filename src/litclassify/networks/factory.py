"""What a network is to the rest of the application: a callable that takes the number of classes."""

from typing import ClassVar, Protocol

from torch import nn

from litclassify.networks.layer_stages import layer_stages


class Network(nn.Module):
    """Base of this package's networks: a config finds them by their short names before any other class.

    Without it `MLP` is ambiguous: torchvision.ops has a class of that name. It also says what fine-tuning treats
    apart; a network that does not define its layers in the order in which it computes them overrides that.
    """

    initial_weights: ClassVar[tuple[str, ...]] = ()
    """Arguments that say nothing but where the first weights come from. A checkpoint has its own weights, so it
    stores none of these: it loads where the file is gone and where there is no internet."""

    for_small_images: ClassVar[bool] = False
    """Whether the first layers keep the size of the image, which takes much memory where that is large."""

    def parameter_stages(self) -> list[list[str]] | None:
        """Give the names of the parameters, stage by stage from the input to the head; None if that is not known."""
        return layer_stages(self)

    def head_parameters(self) -> list[str]:
        """Give the names of the parameters of the layer that gives the logits."""
        stages = self.parameter_stages()
        return stages[-1] if stages else []

    def no_weight_decay(self) -> set[str]:
        """Give the names of parameters of more than one dimension that weight decay would harm, such as positions."""
        return set()


class OwnNetworkFactory(Protocol):
    """A network of this package, by its short name (`ResNet9`)."""

    def __call__(self, num_classes: int) -> Network:
        """Build the network, with one output per class."""
        ...


class AnyNetworkFactory(Protocol):
    """A class or function that takes `num_classes`, by its import path (`torchvision.models.resnet18`)."""

    def __call__(self, num_classes: int) -> nn.Module:
        """Build the network, with one output per class."""
        ...


NetworkFactory = OwnNetworkFactory | AnyNetworkFactory
"""Anything that takes the number of classes and gives an nn.Module: float images (N, C, H, W) to logits
(N, num_classes). A config's name is looked up in this order."""
