"""A classifier that learns from another one."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from litclassify.errors import UserError
from litclassify.models.image_classifier import ImageClassifier
from litclassify.models.teacher import Teacher


def distillation_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Give the divergence of a student's probabilities from its teacher's, both softened: mean over the batch.

    Source: Hinton et al., "Distilling the Knowledge in a Neural Network", https://arxiv.org/abs/1503.02531, section 2:
    times the square of the temperature, so that gradients do not shrink with it.

    Args:
        logits: The student's, (N, K).
        teacher_logits: The teacher's, (N, K).
        temperature: By which logits are divided, over 0.

    Returns:
        A scalar.
    """
    student, teacher = (log_softmax(x.float() / temperature, dim=1) for x in (logits, teacher_logits))
    return kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


class DistilledClassifier(ImageClassifier):
    """An `ImageClassifier` that learns from a teacher's logits beside the targets.

    Both see the same images, mixed ones too. The loss of training is `alpha` times the distillation loss plus
    `1 - alpha` times `criterion`; validation and test know `criterion` alone. The teacher is not in the checkpoint,
    and test, predict and export do without it.

    Args:
        teacher: Where the teacher comes from: `CheckpointTeacher` or `NetworkTeacher`.
        temperature: By which the logits of both are divided for the distillation loss, over 0: the higher, the more
            the classes that are not right count.
        alpha: Share of the distillation loss, in (0, 1]; 1 leaves the targets out.
    """

    object_arguments: ClassVar[tuple[str, ...]] = (*ImageClassifier.object_arguments, "teacher")

    def __init__(self, teacher: Teacher, temperature: float = 4.0, alpha: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 < temperature < float("inf"):
            raise UserError(f"model.temperature must be over 0, got {temperature}.")
        if not 0 < alpha <= 1:
            raise UserError(f"model.alpha must be in (0, 1], got {alpha}.")
        self.teacher_factory = teacher
        self.temperature = temperature
        self.alpha = alpha
        self._teacher: list[ImageClassifier] = []

    def setup(self, stage: str) -> None:
        """Build the teacher for training, out of reach of the optimizer and of checkpoints.

        Raises:
            UserError: There is none, or it does not take the student's images.
        """
        super().setup(stage)
        if stage != "fit":
            return
        teacher = self.teacher_factory.build(self.class_names).requires_grad_(False).eval()
        if (shape := self.hparams["image_shape"]) is not None:
            _check_images(teacher, tuple(shape))
        self._teacher = [teacher]  # In a list, a module is not part of this one.

    def on_fit_start(self) -> None:
        """Bring the teacher to the student's device."""
        super().on_fit_start()
        self._teacher[0].to(self.device)

    def teardown(self, stage: str) -> None:
        """Let the teacher go."""
        super().teardown(stage)
        self._teacher.clear()

    def _loss(self, images: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        if not self.training:
            return super()._loss(images, logits, targets)
        with torch.no_grad():
            teacher_logits = self._teacher[0](images)
        distillation = self.alpha * distillation_loss(logits, teacher_logits, self.temperature)
        if self.alpha == 1:
            return distillation
        return distillation + (1 - self.alpha) * super()._loss(images, logits, targets)

    def _divisor_of_loss(self, targets: Tensor) -> Tensor | int:
        return len(targets) if self.training else super()._divisor_of_loss(targets)


def _check_images(teacher: ImageClassifier, shape: tuple[int, ...]) -> None:
    try:
        with torch.no_grad():
            teacher(torch.zeros(1, *shape, dtype=torch.uint8))  # As floats, gray images would become colour.
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        raise UserError(f"model.teacher does not take images of shape {shape}: {str(error).strip()[:300]}") from error
