"""The LightningModule that trains, evaluates and applies an image classifier."""

import inspect
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypedDict

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.core.mixins.hparams_mixin import _given_hyperparameters
from lightning.pytorch.utilities.types import LRSchedulerTypeUnion, OptimizerLRScheduler
from torch import Tensor, nn

from litclassify.batch_mixing import BatchMixing
from litclassify.class_weights import ClassWeights, weighted
from litclassify.errors import UserError, refusal_of
from litclassify.lightning_state import logs_now
from litclassify.losses import divisor_of
from litclassify.metrics import ClassificationMetrics, MultiLabelMetrics
from litclassify.models.criterion_check import check_criterion
from litclassify.models.initial_weights import start_from
from litclassify.models.optimization import (
    Optimization,
    Parameters,
    go_by_the_new_length,
)
from litclassify.models.run_length import is_fast_dev_run, num_epochs
from litclassify.models.schedule_checks import check_schedules_have_time, check_schedules_reach_the_end
from litclassify.models.tensor_arguments import register_tensor_type
from litclassify.networks import NetworkFactory, check_input, hasten_small_maps, restore_convolutions
from litclassify.optim import ParameterGroups
from litclassify.randomness import batch_generator
from litclassify.rejection import Rejection
from litclassify.test_time_augmentation import TestTimeAugmentation

register_tensor_type()

Batch = tuple[Tensor, Tensor]
CompileMode = Literal["reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]
WITH_CUDA_GRAPHS = ("reduce-overhead", "max-autotune")


class EvaluationOutput(TypedDict):
    """What `validation_step` and `test_step` give for a batch of N images and K classes."""

    logits: Tensor
    """(N, K), without a graph."""
    targets: Tensor
    """int64 (N,), or multi-hot, bool (N, K)."""


Metrics = ClassificationMetrics | MultiLabelMetrics


class Prediction(TypedDict):
    """What `predict_step` gives for a batch of N images and K classes."""

    index: Tensor
    """Index of the most probable class, int64 (N,)."""
    label: list[str] | list[list[str]]
    """Its name, N entries, or what rejected images are called; of several labels, the names of those an image has."""
    probabilities: Tensor
    """Probability of every class, float32 (N, K); each row sums to 1, unless there are several labels."""


class ImageClassifier(LightningModule):
    """A network with its loss, optimizer, metrics and normalisation.

    Images are uint8 (N, C, H, W), or float already scaled to [0, 1]; the classifier scales and normalises them
    itself, so that a checkpoint holds all that its network expects of its input. Targets are int64 (N,).

    Args:
        network: Class or function that takes `num_classes` and gives the network: images in, logits (N, K) out.
        optimizer: Any optimizer of `torch.optim`, or another that takes the parameters first. Where torch has a
            fused kernel for it, it is used, unless its `fused` or `foreach` is set.
        class_names: Names of the K classes in the order of their indices. The command line takes them from the data.
        criterion: Loss of logits (N, K) and targets (N,), averaged over the batch.
        lr_scheduler: Learning-rate schedule. Null keeps the rate constant. A schedule that takes `total_steps`
            (`OneCycleLR`, `WarmupCosine`) gets the length of the run, unless it is given.
        lr_interval: Whether the schedule advances after every optimizer `step` or every `epoch`. `auto` takes the step
            for a schedule with `total_steps`, otherwise the epoch. `ReduceLROnPlateau` goes by the epoch; it watches
            `val_loss`, or its `monitor` where it has one.
        mean: Mean per channel on the [0, 1] scale. Null subtracts nothing. The command line takes it from the data.
        std: Standard deviation per channel on the [0, 1] scale. Null divides by nothing. Likewise from the data.
        image_shape: Channels, height and width of an image, to check the network against. Null skips the check.
            Likewise from the data.
        channels_last: Whether the network computes with the channels of a pixel side by side in memory, which
            convolutions are often faster with. Results differ by rounding alone. A network that flattens features
            with `view` takes no such memory.
        compile: Whether to compile the network with `torch.compile` for training, or its mode. It pays after minutes
            of training on a GPU; on a CPU it seldom does. `reduce-overhead` and `max-autotune` also have a GPU start
            all computations of a pass at once (CUDA graphs), which small networks gain from.
        batch_mixing: How training batches are mixed: `MixUp`, `CutMix` or `MixUpOrCutMix`. The loss then gets
            probabilities (N, K) for targets, and training accuracy counts the class of which an image has most. Null
            mixes nothing.
        parameter_groups: Learning rates and weight decay by the place in the network, for fine-tuning. Null treats all
            parameters alike.
        test_time_augmentation: Views of an image whose mean logits classify it in tests and predictions: `Flip` or
            `Shifts`. Each view takes the time of a test. Null sees the image alone.
        calibration_temperature: By which logits are divided before they become probabilities, over 0. It changes
            predictions and reports, not the loss; the command `calibrate` finds it, and training starts again from 1.
        rejection: Which images are predicted as `unknown`: `ConfidenceThreshold` or `EnergyThreshold`. Metrics count
            all images. Null rejects none.
        class_weights: What rare classes weigh in the loss, by the training images: `Balanced` or `EffectiveNumber`.
            The loss gets it as its `weight`, in validation and test, too. Null leaves the loss as it is.
        class_counts: Training images of each class. Null if `class_weights` is. Likewise from the data.
        init_from: Checkpoint, or file with a state dict, whose network's weights to start from, as far as names and
            shapes agree; what was taken and what was not is printed. It is not resumed: training starts at its first
            epoch. On the command line also the directory of a run, `<run>/last`, `best` or `last`, as `--ckpt_path`
            takes them. Null starts fresh.

    Raises:
        UserError: Fewer than two classes, a `mean` without `std`, or a network or criterion that does not take what
            it is given.
    """

    multi_label: ClassVar[bool] = False
    """Whether targets are multi-hot labels (N, K)."""
    monitor: ClassVar[str] = "val_acc"
    """The metric to go by where the user names none; the higher, the better."""
    shown: ClassVar[tuple[str, ...]] = ("_loss", "_acc")
    """Endings of the metrics that are shown while training."""

    mean: Tensor
    std: Tensor
    object_arguments: ClassVar[tuple[str, ...]] = (
        *("network", "optimizer", "criterion", "lr_scheduler", "batch_mixing", "parameter_groups"),
        *("test_time_augmentation", "class_weights", "rejection"),
    )

    def __init__(
        self,
        network: NetworkFactory,
        optimizer: OptimizerCallable,
        class_names: Sequence[str],
        criterion: nn.Module = nn.CrossEntropyLoss(),  # noqa: B008 - stateless, and shown as it is by --print_config
        lr_scheduler: LRSchedulerCallable | None = None,
        lr_interval: Literal["auto", "step", "epoch"] = "auto",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        image_shape: tuple[int, int, int] | None = None,
        channels_last: bool = False,
        compile: bool | CompileMode = False,  # noqa: A002 - the name that people look for
        batch_mixing: BatchMixing | None = None,
        parameter_groups: ParameterGroups | None = None,
        test_time_augmentation: TestTimeAugmentation | None = None,
        calibration_temperature: float = 1.0,
        rejection: Rejection | None = None,
        class_weights: ClassWeights | None = None,
        class_counts: Sequence[int] | None = None,
        init_from: str | None = None,
    ) -> None:
        super().__init__()
        # The command line stores the configuration of these; outside it they are objects, which a checkpoint
        # that loads without unpickling cannot hold.
        from_config = _given_hyperparameters.get() is not None
        ignored = () if from_config else self.object_arguments
        # Looking for the frame, Lightning would keep it, and all that its callers hold, until garbage is collected.
        self.save_hyperparameters(logger=False, ignore=ignored, frame=inspect.currentframe())
        if len(class_names) < 2:  # noqa: PLR2004
            raise UserError(f"A classifier needs at least 2 classes, got {len(class_names)}: {list(class_names)}.")
        self.class_names = list(class_names)
        self._set_prediction_rules(calibration_temperature, rejection)
        with refusal_of("model.network"):
            self.network = network(num_classes=len(class_names))
        self.channels_last = channels_last
        if channels_last:
            self.network.to(memory_format=torch.channels_last)
        self.compile_mode = compile
        if class_weights is not None:
            criterion = weighted(criterion, class_weights, class_counts, class_names)
        self.criterion = criterion
        self.optimization = Optimization(optimizer, lr_scheduler, lr_interval, parameter_groups)
        self._register_normalisation(mean, std)
        self.train_metrics, self.val_metrics, self.test_metrics = map(self._make_metrics, ("train_", "val_", "test_"))
        self.batch_mixing = batch_mixing
        self.test_time_augmentation = test_time_augmentation
        self._check_parts(image_shape)
        if init_from is not None:
            start_from(self.network, init_from)

    def _set_prediction_rules(self, calibration_temperature: float, rejection: Rejection | None) -> None:
        """Say how logits become predictions."""
        if not 0 < calibration_temperature < math.inf:
            raise UserError(f"model.calibration_temperature must be over 0, got {calibration_temperature}.")
        if rejection is not None and rejection.label in self.class_names:
            raise UserError(f"model.rejection.label '{rejection.label}' is the name of a class. Choose another.")
        self.calibration_temperature = calibration_temperature
        self.rejection = rejection

    def _check_parts(self, image_shape: tuple[int, int, int] | None) -> None:
        """Refuse parts that do not fit each other now, and not when training starts."""
        num_classes = len(self.class_names)
        if not self.multi_label:
            check_criterion(self.criterion, num_classes)
        if self.multi_label or self.batch_mixing is not None:
            check_criterion(self.criterion, num_classes, soft_targets=True)
        if image_shape is not None:
            check_input(self.network, image_shape, num_classes)
            if self.test_time_augmentation is not None:
                list(
                    self.test_time_augmentation.views(torch.zeros(1, *image_shape))
                )  # Refuses images too small for it.
        self._grouped_parameters()  # Refuses a network that does not say its stages.

    def _make_metrics(self, prefix: str) -> Metrics:
        return ClassificationMetrics(len(self.class_names), prefix)

    def _register_normalisation(self, mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
        if (mean is None) != (std is None):
            raise UserError(f"mean and std go together, got mean {mean} and std {std}: give both or neither.")
        self.register_buffer("mean", torch.tensor(mean if mean is not None else [0.0]).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std if std is not None else [1.0]).view(1, -1, 1, 1))

    def normalize(self, images: Tensor) -> Tensor:
        """Give images (N, C, H, W), uint8 or float in [0, 1], as the network takes them: scaled and standardised."""
        if images.dtype == torch.uint8:  # In place: on a CPU, fresh memory costs more than the arithmetic.
            return images.to(self.mean.dtype).div_(255).sub_(self.mean).div_(self.std)
        return (images.to(self.mean.dtype) - self.mean).div_(self.std)

    def forward(self, images: Tensor) -> Tensor:
        """Give logits (N, K) for images (N, C, H, W), uint8 or float in [0, 1]."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        images = images.contiguous(memory_format=layout)  # Before they are scaled: bytes are moved faster than floats.
        logits: Tensor = self.network(self.normalize(images))
        # The next pass of a CUDA graph writes to the same memory.
        return logits.clone() if self.compile_mode in WITH_CUDA_GRAPHS else logits

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute.

        Lightning notes the name of the hook it calls, 45 times a step: what `torch.nn.Module` does to find parameters
        and modules among attributes took 4% of the step of a small network.
        """
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def setup(self, stage: str) -> None:
        """Compile the network in place, so that its weights keep their names in checkpoints."""
        # Not for the other commands: they seldom run for as long as compiling takes. And CUDA graphs that are recorded
        # under inference_mode first keep some versions of torch from recording a training in the same process:
        # https://github.com/pytorch/pytorch/issues/135892
        if self.compile_mode and stage == "fit":
            self.network.compile(mode=None if self.compile_mode is True else self.compile_mode)

    def on_fit_start(self) -> None:
        """Refuse to mix in no epoch at all, and forget a calibration of other weights."""
        self.calibration_temperature = 1.0
        if self.device.type == "cpu":
            hasten_small_maps(self.network)
        mixing, length = self.batch_mixing, num_epochs(self.trainer)
        if mixing is not None and not mixing.is_on(0, length) and not is_fast_dev_run(self.trainer):
            raise UserError(
                f"model.batch_mixing.off_last_epochs={mixing.off_last_epochs} leaves no epoch to mix in: training "
                f"{'has no end' if length is None else f'ends after epoch {length}'}."
            )

    def teardown(self, stage: str) -> None:
        """Leave the network as it was given."""
        restore_convolutions(self.network)

    def on_train_start(self) -> None:
        """Refuse a schedule that is too short for the run, and let one go by the length that the run has now."""
        check_schedules_reach_the_end(self.trainer)
        check_schedules_have_time(self.trainer)
        go_by_the_new_length(self.trainer)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Give the mean loss of a batch, a scalar."""
        loss, _ = self._shared_step(self.mixed(batch, batch_idx), self.train_metrics, None)
        # Where nothing is written, self.log costs more than the step of a small network.
        if logs_now(self.trainer):
            self.log("train_loss_step", loss)  # With prog_bar=True Lightning would wait for the device.
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> EvaluationOutput:
        """Add a batch to the validation metrics, and give its logits to callbacks."""
        views = self.test_time_augmentation
        return self._evaluate(batch, self.val_metrics, views if views is not None and views.validate else None)

    def test_step(self, batch: Batch, batch_idx: int) -> EvaluationOutput:
        """Add a batch to the test metrics, and give its logits to callbacks."""
        return self._evaluate(batch, self.test_metrics, self.test_time_augmentation)

    def predict_step(self, batch: Batch | Tensor, batch_idx: int) -> Prediction:
        """Give class index, class name and probabilities for each image of a batch, which may lack targets."""
        images = batch if isinstance(batch, Tensor) else batch[0]
        logits = self._logits(images, self.test_time_augmentation).float()
        probabilities = (logits / self.calibration_temperature).softmax(dim=1)
        index = logits.argmax(dim=1)
        labels = [self.class_names[i] for i in index.tolist()]
        if self.rejection is not None:
            accepted = self.rejection.accepts(logits, probabilities).tolist()
            labels = [
                label if accepts else self.rejection.label for label, accepts in zip(labels, accepted, strict=True)
            ]
        return {"index": index, "label": labels, "probabilities": probabilities}

    def mixed(self, batch: Batch, batch_idx: int) -> Batch:
        """Give a training batch as the network gets it in the current epoch; the same whenever it is asked."""
        if self.batch_mixing is None or not self.batch_mixing.is_on(self.current_epoch, num_epochs(self.trainer)):
            return batch
        images, targets = batch
        return self.batch_mixing(
            images, self._probabilities_of(targets), batch_generator(self.current_epoch, batch_idx, self.global_rank)
        )

    def _probabilities_of(self, targets: Tensor) -> Tensor:
        """Give what a batch mixing takes for targets: float (N, K)."""
        return nn.functional.one_hot(targets, len(self.class_names)).to(self.mean.dtype)

    def _counted(self, targets: Tensor) -> Tensor:
        """Give targets as metrics take them: for a mixed image, the class it shows most of."""
        return targets if targets.dim() == 1 else targets.argmax(dim=1)

    def _evaluate(self, batch: Batch, metrics: Metrics, views: TestTimeAugmentation | None) -> EvaluationOutput:
        _, output = self._shared_step(batch, metrics, views)
        return output

    def _shared_step(
        self, batch: Batch, metrics: Metrics, views: TestTimeAugmentation | None
    ) -> tuple[Tensor, EvaluationOutput]:
        """Add a batch to metrics, and give its mean loss, a scalar, with what was counted."""
        images, targets = batch
        logits = self._logits(images, views)
        loss = self._loss(images, logits, targets)
        output: EvaluationOutput = {"logits": logits.detach(), "targets": self._counted(targets)}
        metrics.add(loss.detach(), **output, divisor=self._divisor_of_loss(targets))
        return loss, output

    def _divisor_of_loss(self, targets: Tensor) -> Tensor | int:
        return divisor_of(self.criterion, targets)

    def _logits(self, images: Tensor, views: TestTimeAugmentation | None) -> Tensor:
        logits: Tensor = self(images) if views is None else views(self, images)
        return logits

    def _loss(self, images: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        try:
            loss: Tensor = self.criterion(logits, targets)
        except IndexError as error:
            raise UserError(
                f"data: {error} There are {len(self.class_names)} class_names, so targets go from 0 to "
                f"{len(self.class_names) - 1}."
            ) from error
        return loss

    def on_after_backward(self) -> None:
        """Keep gradients that are to be added to: the next pass of a CUDA graph writes to their memory."""
        if self.compile_mode in WITH_CUDA_GRAPHS and self.trainer.accumulate_grad_batches > 1:
            for parameter in self.parameters():
                if parameter.grad is not None:
                    parameter.grad = parameter.grad.clone()

    def on_train_epoch_end(self) -> None:
        """Log the epoch's training metrics."""
        self._log_metrics(self.train_metrics)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's validation metrics."""
        self._log_metrics(self.val_metrics)

    def on_test_epoch_end(self) -> None:
        """Log the test metrics."""
        self._log_metrics(self.test_metrics)

    def _log_metrics(self, metrics: Metrics) -> None:
        metrics.finish()
        for name, metric in metrics.items():
            self.log(name, metric, prog_bar=name.endswith(self.shown))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the precision, that evaluation computes alike, and not where the network's first weights came from."""
        checkpoint["precision"] = self.trainer.precision
        stored = dict(checkpoint.get("hyper_parameters", {}))
        network = stored.get("network")
        if isinstance(network, dict):
            first = getattr(self.network, "initial_weights", ())
            arguments = {name: value for name, value in network.get("init_args", {}).items() if name not in first}
            stored["network"] = {**network, "init_args": arguments}
        checkpoint["hyper_parameters"] = {**stored, "init_from": None, "calibration_temperature": 1.0}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build the optimizer and its schedule, told how long the run is."""
        return self.optimization.configure(self._grouped_parameters(), self.trainer)

    def lr_scheduler_step(self, scheduler: LRSchedulerTypeUnion, metric: Any | None) -> None:
        """Advance the schedule; some refuse their arguments as late as here, or more steps than they were built for."""
        with refusal_of("model.lr_scheduler"):
            super().lr_scheduler_step(scheduler, metric)

    def _grouped_parameters(self) -> Parameters:
        return self.optimization.grouped(self.network, len(self.class_names), dict(self.named_parameters()))
