"""The network as a graph."""

import warnings
from contextlib import redirect_stdout
from copy import copy
from io import StringIO
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from litclassify.callbacks.sharding import is_sharded
from litclassify.callbacks.tensorboard.writers import tensorboard_writers
from litclassify.models import ImageClassifier
from litclassify.networks import dry_run


class NetworkGraph(Callback):
    """Shows the network in TensorBoard's graph tab, as it evaluates the first training images.

    Training goes on as without it. A network that cannot be traced is reported in one line.
    """

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Write the graph before the first step, and be called no more."""
        self.on_train_batch_start = None  # type: ignore[method-assign, assignment] # Lightning passes over it.
        if trainer.global_step == 0 and trainer.is_global_zero:
            assert isinstance(pl_module, ImageClassifier)
            _show(trainer, pl_module, batch[0][:2])


def _show(trainer: Trainer, classifier: ImageClassifier, images: Tensor) -> None:
    network = classifier.network
    if is_sharded(trainer):  # This process would wait for the others.
        name = type(trainer.strategy).__name__
        rank_zero_warn(f"NetworkGraph: {name} divides the network among processes, there is no graph.")
        return
    for writer in tensorboard_writers(trainer):
        try:
            _add_graph(writer, network, classifier.normalize(images))
        except Exception as error:  # A tracer fails in as many ways as there are networks.
            reason = str(error).strip().partition("\n")[0]
            rank_zero_warn(f"NetworkGraph: {type(network).__name__} cannot be traced, there is no graph: {reason}")


def _add_graph(writer: SummaryWriter, network: nn.Module, images: Tensor) -> None:
    """Trace a network, compiled or not, and leave it as it was.

    What the tracer warns of is about values that become constants, which no graph shows; what add_graph prints comes
    again as an exception.
    """
    with dry_run(network), warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        writer.add_graph(copy(network), images)  # The copy has the same layers, and is not compiled.
