"""A student learns by Hinton's loss from a teacher that leaves no trace."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from tests.conftest import SMALL
from tests.models.test_image_classifier import CLASSES, Flatten, classifier, loader, quiet_trainer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from litclassify.batch_mixing import MixUp
from litclassify.cli import main
from litclassify.errors import UserError
from litclassify.models import CheckpointTeacher, DistilledClassifier, NetworkTeacher
from litclassify.models.distilled_classifier import distillation_loss

Fit = Callable[..., Path]
QUIET = ["--trainer.enable_progress_bar", "false"]


class Dropping(nn.Module):
    """A teacher whose logits betray whether it is in training mode, and what it is given."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.seen: list[Tensor] = []
        self.layers = nn.Sequential(nn.Dropout(0.5), nn.Flatten(), nn.Linear(num_classes, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return self.layers(images)


def student(teacher: object = NetworkTeacher(Flatten, [0.5], [0.25]), **arguments: object) -> DistilledClassifier:
    defaults = {"network": Flatten, "optimizer": partial(torch.optim.SGD, lr=0.1), "class_names": CLASSES}
    return DistilledClassifier(teacher, **{**defaults, **arguments})


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_loss_is_torchs_divergence_of_softened_probabilities(temperature: float) -> None:
    logits, teacher_logits = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    divergence = nn.KLDivLoss(reduction="batchmean")
    expected = divergence((logits / temperature).log_softmax(1), (teacher_logits / temperature).softmax(1))
    torch.testing.assert_close(distillation_loss(logits, teacher_logits, temperature), expected * temperature**2)


def test_gradients_keep_their_size_at_high_temperatures() -> None:
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    teacher_logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad(distillation_loss(logits, teacher_logits, temperature=1e3), logits)
    student, teacher = (x.detach() - x.detach().mean(1, keepdim=True) for x in (logits, teacher_logits))
    torch.testing.assert_close(gradient, (student - teacher) / (8 * 3), rtol=1e-2, atol=1e-3)  # Hinton, eq. 4.


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_training_equals_a_loop_by_hand(alpha: float) -> None:
    model, data = student(temperature=2.0, alpha=alpha), loader(12, 4)
    scale = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([scale], lr=0.1)
    for images, targets in data:
        logits = images.flatten(1) / 255 * scale
        teacher_logits = (images.flatten(1) / 255 - 0.5) / 0.25
        divergence = nn.KLDivLoss(reduction="batchmean")((logits / 2).log_softmax(1), (teacher_logits / 2).softmax(1))
        optimizer.zero_grad()
        (alpha * 4 * divergence + (1 - alpha) * cross_entropy(logits, targets)).backward()
        optimizer.step()
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(model, data, data)
    torch.testing.assert_close(model.network.scale, scale)
    images, targets = data.dataset.tensors
    plain = cross_entropy(model(images), targets)
    assert trainer.callback_metrics["val_loss"].item() == pytest.approx(plain.item(), rel=1e-5)


@pytest.mark.filterwarnings("ignore:You defined a `validation_step`")
def test_the_teacher_sees_the_mixed_images_in_evaluation_mode() -> None:
    teacher = Dropping(3)
    seen_by_student: list[Tensor] = []

    class Recorded(Flatten):
        def forward(self, images: Tensor) -> Tensor:
            seen_by_student.append(images)
            return super().forward(images)

    model = student(
        NetworkTeacher(lambda num_classes: teacher, [0.0], [1.0]), network=Recorded, batch_mixing=MixUp(1.0)
    )
    quiet_trainer(max_epochs=1, limit_val_batches=0).fit(model, loader(12, 4))
    assert len(teacher.seen) == 3
    assert all(torch.equal(ours, its) for ours, its in zip(seen_by_student, teacher.seen, strict=True))
    assert not teacher.layers[0].training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_the_teacher_is_no_part_of_the_student() -> None:
    model = student()
    held: list[bool] = []

    class Look(Callback):
        def on_train_end(self, trainer, pl_module) -> None:
            held.append(len(list(pl_module.parameters())) == 1 and pl_module.state_dict().keys() == expected)

    expected = classifier().state_dict().keys()
    quiet_trainer(max_epochs=1, callbacks=[Look()]).fit(model, loader(6, 3), loader(3, 3))
    assert held == [True]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: student(temperature=0), "model.temperature must be over 0, got 0"),
        (lambda: student(alpha=0), r"model.alpha must be in \(0, 1\], got 0"),
        (lambda: student(alpha=1.5), r"model.alpha must be in \(0, 1\], got 1.5"),
        (lambda: CheckpointTeacher("nope.ckpt").build(CLASSES), "model.teacher.ckpt_path 'nope.ckpt' is not a file"),
        (lambda: student(image_shape=(1, 1, 3), teacher=_for_two()).setup("fit"), "does not take images of shape"),
        (lambda: student(image_shape=(1, 1, 3), teacher=_for_colour()).setup("fit"), "does not take images of shape"),
        (lambda: student(image_shape=(1, 1, 3), teacher=_particular()).setup("fit"), "does not take .*: Wrong height"),
    ],
)
def test_what_cannot_teach_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


def _for_two() -> NetworkTeacher:
    linear = nn.Linear(2, 3)
    return NetworkTeacher(lambda num_classes: linear, [0.0], [1.0])


class Broadcasting(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_classes))

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(1, 2)) * self.scale


def _for_colour() -> NetworkTeacher:
    return NetworkTeacher(Broadcasting, [0.0] * 3, [1.0] * 3)


class Particular(Broadcasting):
    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[2] == 224, "Wrong height"
        return super().forward(images)


def _particular() -> NetworkTeacher:
    return NetworkTeacher(Particular, [0.0], [1.0])


def test_a_teacher_whose_weights_are_random_is_refused_and_draws_nothing() -> None:
    networks = {
        "2 of 2 tensors: weight, bias": lambda num_classes: nn.Linear(2, num_classes),
        "1 of 1 tensors: weight": lambda num_classes: nn.Linear(2, num_classes, bias=False),
    }
    for found, network in networks.items():
        with pytest.raises(UserError, match=f"model.teacher.network has no trained weights in {found}. It would"):
            NetworkTeacher(network, [0.0], [1.0]).build(CLASSES)
    torch.manual_seed(3)
    NetworkTeacher(Flatten, [0.0], [1.0]).build(CLASSES)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    Flatten(3)
    assert torch.equal(torch.rand(1), drawn)


def recipe(teacher: Path, *words: str) -> list[str]:
    """A distillation in flags."""
    model = ["--model", "DistilledClassifier", "--model.teacher", "CheckpointTeacher"]
    return ["fit", *SMALL, *model, "--model.teacher.ckpt_path", str(teacher), "--run_name", "student", *words]


def student_run() -> Path:
    (run,) = Path("runs/student").iterdir()
    return run


@pytest.mark.slow
def test_digits_are_distilled_and_the_student_needs_its_teacher_no_more(fit: Fit) -> None:
    teacher = fit("--model.network.hidden_features", "[256]", "--trainer.max_epochs", "4") / "checkpoints" / "last.ckpt"
    main(recipe(teacher, "--trainer.max_epochs", "4", "--model.network.hidden_features", "[16]"))
    student_file = student_run() / "checkpoints" / "last.ckpt"
    assert student_file.stat().st_size < teacher.stat().st_size / 4
    teacher.unlink()
    torch.load(student_file, weights_only=True)
    main(["test", "--ckpt_path", str(student_run()), *QUIET])
    main(["predict", "--ckpt_path", str(student_run()), *QUIET])
    assert (student_run() / "metrics.json").is_file()


def test_a_teacher_of_other_classes_or_code_is_refused(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = fit("--trainer.max_epochs", "1") / "checkpoints" / "last.ckpt"
    content = torch.load(teacher, weights_only=True)
    names = {**content["hyper_parameters"], "class_names": list("abcdefghij")}
    code = {**content["hyper_parameters"], "network": {"class_path": "os.system", "init_args": {"command": "touch x"}}}
    for stored, expected in ((names, "has other classes than the data"), (code, "os.system"), ({}, "does not say")):
        torch.save({**content, "hyper_parameters": stored}, "changed.ckpt")
        with pytest.raises(SystemExit, match="2"):
            main(recipe(Path("changed.ckpt")))
        message = capsys.readouterr().err
        assert expected in message
        assert "model.teacher.ckpt_path 'changed.ckpt'" in message
        assert not Path("x").exists()


@pytest.mark.slow
def test_a_distillation_is_resumed(fit: Fit) -> None:
    teacher = fit("--trainer.max_epochs", "1") / "checkpoints" / "last.ckpt"
    main(recipe(teacher))
    main(["fit", "--ckpt_path", f"{student_run()}/last", "--trainer.max_epochs", "3", *QUIET])
    assert torch.load(student_run() / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 2
