"""The networks of timm, for any number of classes and channels."""

from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from litclassify.errors import UserError
from litclassify.files.state_dicts import PARALLEL_PREFIX, read_state_dict
from litclassify.networks.factory import Network
from litclassify.suggestions import nearest, some_of

# Before the names of timm's own in the checkpoints of this application, of Lightning and of DistributedDataParallel.
_PREFIXES = ("network.model.", "model.", PARALLEL_PREFIX)
# How timm's networks refuse an argument that their kind does not have, and what that is called here.
_ARGUMENTS = {"img_size": "image_size", "drop_path_rate": "drop_path_rate", "drop_rate": "drop_rate"}


class TimmNetwork(Network):
    """A network of timm, with a head for `num_classes`. It needs timm: `pip install -e '.[timm]'`.

    Pretrained weights expect images normalised as in their training: for most, with the mean and standard deviation
    of ImageNet.

    Args:
        num_classes: Number of outputs.
        name: Name in timm's list, such as `convnext_tiny`, with or without the tag of its weights
            (`convnext_tiny.in12k_ft_in1k`). See https://huggingface.co/timm.
        pretrained: Whether to start from the weights that timm has under this name, downloaded once into
            `$HF_HOME`. The head starts fresh where the number of classes differs.
        weights: Weights to start from instead: a local file (.safetensors, or .pth, .pt, .ckpt with a state dict, bare
            or under the key `state_dict` or `model`). The head starts fresh where the number of classes differs.
        in_channels: Channels of an image. With weights for another number, the first convolution is adapted: summed
            over its channels for 1, else repeated and scaled.
        image_size: Height and width in pixels that a network of fixed input size (`vit_*`, `swin_*`) is built for;
            its embeddings of positions are interpolated from those of the weights. Null means timm's own for this name.
            The other networks take any size and no such argument.
        drop_rate: Probability, in [0, 1), of zeroing each value before the head in training. Null means timm's own.
        drop_path_rate: Probability, in [0, 1), of leaving out the last block in training (stochastic depth); it rises
            to that from 0 at the first. Null means timm's own.
    """

    initial_weights = ("pretrained", "weights")

    def __init__(
        self,
        num_classes: int,
        name: str,
        pretrained: bool = False,
        weights: str | None = None,
        in_channels: int = 3,
        image_size: int | None = None,
        drop_rate: float | None = None,
        drop_path_rate: float | None = None,
    ) -> None:
        super().__init__()
        if pretrained and weights is not None:
            raise UserError(f"model.network.pretrained is true and weights is {weights!r}: give one of them.")
        timm = _import_timm()
        _check_name(timm, name)
        for key, rate in {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate}.items():
            if rate is not None and not 0 <= rate < 1:
                raise UserError(f"model.network.{key} must be at least 0 and less than 1, got {rate}.")
        arguments = {
            **{"in_chans": in_channels, "img_size": image_size},
            **{"drop_rate": drop_rate, "drop_path_rate": drop_path_rate},
        }
        if weights is not None:
            self.model = _from_file(timm, name, weights, num_classes, arguments)
        else:
            self.model = _create(timm, name, num_classes=num_classes, pretrained=pretrained, **arguments)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, in_channels, H, W) to logits (N, num_classes)."""
        logits: Tensor = self.model(images)
        return logits

    def parameter_stages(self) -> list[list[str]] | None:
        """Give the names of the parameters as timm groups them for the decay of learning rates; None where it does not.

        The last stage holds the head, and what timm puts beside it.
        """
        matcher = getattr(self.model, "group_matcher", None)
        if matcher is None:
            return None
        stages = _import_timm().models.group_parameters(self.model, matcher(coarse=False))
        return [[f"model.{name}" for name in stages[number]] for number in sorted(stages)]

    def head_parameters(self) -> list[str]:
        """Give the names of the parameters of timm's classifier."""
        classifier = self.model.get_classifier()  # type: ignore[operator] # a method of all of timm's
        layers = classifier if isinstance(classifier, tuple | list) else (classifier,)
        own = {id(parameter) for layer in layers for parameter in layer.parameters()}
        return [name for name, parameter in self.named_parameters() if id(parameter) in own]

    def no_weight_decay(self) -> set[str]:
        """Give the names of the parameters that timm leaves out of weight decay, such as embeddings of positions."""
        names = self.model.no_weight_decay() if hasattr(self.model, "no_weight_decay") else ()  # type: ignore[operator]
        return {f"model.{name}" for name in names}


def _import_timm() -> ModuleType:
    """Import timm, late: it takes seconds, and few need it."""
    try:
        import timm  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise UserError("TimmNetwork needs timm, which is not installed: pip install -e '.[timm]'") from error
    module: ModuleType = timm
    return module


def _check_name(timm: ModuleType, name: str) -> None:
    """Refuse what is not in timm's own list, such as repositories of others (`hf-hub:…`) and folders."""
    architecture, _, tag = name.partition(".")
    names: list[str] = timm.list_models()
    if architecture not in names:
        near = nearest(architecture, names) or f" There are {some_of(names)}."
        raise UserError(f"model.network.name is {name!r}, which is not a network of timm.{near}")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise UserError(
            f"model.network.name is {name!r}, but timm has no weights {tag!r} for {architecture}. There are "
            f"{some_of(tags) or 'none'}."
        )


def _create(timm: ModuleType, name: str, **arguments: Any) -> nn.Module:
    """Build a network of timm.

    Raises:
        UserError: It does not take an argument, has no pretrained weights, or they cannot be downloaded.
    """
    try:
        model: nn.Module = timm.create_model(name, **arguments)
    except TypeError as error:
        given = next((ours for theirs, ours in _ARGUMENTS.items() if f"argument '{theirs}'" in str(error)), None)
        if given is None:
            raise
        raise UserError(f"model.network.{given} is set, but {name} takes no such argument: leave it out.") from error
    except Exception as error:
        # The hub's errors have no common base; without weights there is nothing to download and nothing to explain.
        if not arguments.get("pretrained") or "pretrained_cfg_overlay" in arguments:
            raise
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"model.network.pretrained is true, but there are no weights of {name} to be had: {reason}\nConnect to the "
            "internet, or download them elsewhere and give the file: --model.network.pretrained false "
            "--model.network.weights FILE."
        ) from error
    return model


def _from_file(timm: ModuleType, name: str, weights: str, num_classes: int, arguments: dict[str, Any]) -> nn.Module:
    """Build a network for the classes of its weights, which all have to fit, then give it a head for others."""
    state = _read_weights(weights)
    heads = timm.get_pretrained_cfg_value(name, "classifier")
    head = heads[0] if isinstance(heads, tuple | list) else heads
    outputs = len(state.get(f"{head}.weight", ()))
    overlay = {"state_dict": state, "num_classes": outputs}
    try:
        model = _create(timm, name, num_classes=outputs, pretrained=True, pretrained_cfg_overlay=overlay, **arguments)
    except (RuntimeError, KeyError, ValueError) as error:
        lines = [line.strip() for line in str(error).splitlines()[:3]]
        raise UserError(f"model.network.weights: {weights!r} does not fit {name}. {' '.join(lines)[:400]}") from error
    if outputs != num_classes:
        model.reset_classifier(num_classes)  # type: ignore[operator] # a method of all of timm's
    return model


def _read_weights(weights: str) -> dict[str, Tensor]:
    if not Path(weights).expanduser().is_file():
        remedy = "Give a state dict, or set model.network.pretrained to true."
        raise UserError(f"model.network.weights is {weights!r}, which is not a file. {remedy}")
    return read_state_dict(weights, "model.network.weights", _PREFIXES)
