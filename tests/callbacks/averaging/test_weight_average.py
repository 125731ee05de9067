"""Averages are those of torch's AveragedModel; what is evaluated, saved and resumed is the average."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler, ModelCheckpoint
from lightning.pytorch.strategies import FSDPStrategy
from tests import compiled_passes
from tests.models.test_image_classifier import CLASSES, quiet_trainer
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from torch.utils.data import DataLoader, TensorDataset

from litclassify.callbacks import EMA, SWA, TrainingState
from litclassify.callbacks.averaging.weight_average import TensorAverage, WeightAverage
from litclassify.errors import UserError
from litclassify.models import ImageClassifier

State = dict[str, Tensor]
IMAGES = torch.randint(0, 256, (24, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
DATA = DataLoader(TensorDataset(IMAGES, torch.arange(24) % 3), batch_size=4)


class Normalised(nn.Sequential):
    """A network with batch normalisation, whose count of batches is an integer buffer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, num_classes))


class Witness(Callback):
    """The weights after each optimizer step, and those that each validation sees."""

    def __init__(self) -> None:
        self.trained: list[State] = []
        self.validated: list[State] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        self.trained.append(clone(pl_module.state_dict()))

    def on_validation_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        if not trainer.sanity_checking:
            self.validated.append(clone(pl_module.state_dict()))


def clone(state: State) -> State:
    return {name: value.clone() for name, value in state.items()}


def classifier(**arguments: object) -> ImageClassifier:
    torch.manual_seed(0)
    return ImageClassifier(Normalised, partial(torch.optim.SGD, lr=0.5, momentum=0.9), CLASSES, **arguments)


def train(
    average: Callback, max_epochs: int = 3, resumed: Path | None = None, **arguments: object
) -> tuple[ImageClassifier, Witness]:
    model, witness = classifier(compile=arguments.pop("compile", False)), Witness()
    callbacks = [average, witness, *arguments.pop("callbacks", [])]
    trainer = quiet_trainer(max_epochs=max_epochs, limit_val_batches=1, callbacks=callbacks, **arguments)
    trainer.fit(model, DATA, DATA, ckpt_path=resumed, weights_only=True)
    return model, witness


def module(state: State) -> ImageClassifier:
    model = classifier()
    model.load_state_dict(state)
    return model


def torch_ema(states: list[State], half_life_epochs: float, steps_per_epoch: int) -> list[State]:
    """The average after each state, by torch's AveragedModel, which copies the first."""
    averaged, found = AveragedModel(module(states[0]), use_buffers=True), []
    decay = 2 ** (-1 / (half_life_epochs * steps_per_epoch))
    for step, state in enumerate(states):
        averaged.multi_avg_fn = get_ema_multi_avg_fn(min(decay, (1 + step) / (10 + step)))
        averaged.update_parameters(module(state))
        found.append(clone(averaged.module.state_dict()))
    return found


def assert_same(given: State, expected: State) -> None:
    floats = {name: value for name, value in expected.items() if value.is_floating_point()}
    torch.testing.assert_close({name: given[name] for name in floats}, floats)


@pytest.mark.parametrize("half_life_epochs", [0.2, 5.0])  # The decay itself; its warm-up.
def test_ema_is_that_of_torch(half_life_epochs: float) -> None:
    model, witness = train(EMA(half_life_epochs))
    averages = torch_ema(witness.trained, half_life_epochs, steps_per_epoch=6)
    for epoch, validated in enumerate(witness.validated):
        assert_same(validated, averages[6 * epoch + 5])
    assert_same(model.state_dict(), averages[-1])
    assert not torch.equal(model.network[0].weight, witness.trained[-1]["network.0.weight"])


def test_ema_is_timms() -> None:
    timm = pytest.importorskip("timm.utils")
    _, witness = train(EMA(half_life_epochs=1e-6), max_epochs=1)  # A decay of 0: the last weights.
    assert_same(witness.validated[0], witness.trained[-1])
    _, witness = train(EMA(half_life_epochs=0.2), max_epochs=2)
    decay = 2 ** (-1 / 1.2)
    reference = timm.ModelEmaV3(module(witness.trained[0]), decay=decay)
    for step, state in enumerate(witness.trained[1:], start=1):
        reference.decay = min(decay, (1 + step) / (10 + step))
        reference.update(module(state))
    assert_same(witness.validated[-1], reference.module.state_dict())


@pytest.mark.parametrize("accumulate", [2, 4])
def test_ema_counts_optimizer_steps(accumulate: int) -> None:
    _, witness = train(EMA(half_life_epochs=0.2), max_epochs=2, accumulate_grad_batches=accumulate)
    steps = [i for i in range(12) if (i % 6 + 1) % accumulate == 0 or i % 6 == 5]
    averages = torch_ema([witness.trained[i] for i in steps], 0.2, steps_per_epoch=6 / accumulate)
    assert_same(witness.validated[-1], averages[-1])


def test_the_half_life_holds_when_a_callback_changes_the_accumulation() -> None:
    shares: list[float] = []

    class Recorded(EMA):
        def share(self, trainer: Trainer) -> float:
            shares.append(super().share(trainer))
            return shares[-1]

    train(Recorded(half_life_epochs=0.02), max_epochs=2, callbacks=[GradientAccumulationScheduler({0: 1, 1: 3})])
    assert shares == pytest.approx([1 - 2 ** (-1 / 0.12)] * 5 + [1 - 2 ** (-1 / 0.04)] * 2)


def test_swa_is_torchs_averaged_model_with_updated_batch_normalisation() -> None:
    model, witness = train(SWA(start=0.5), max_epochs=4)
    averaged = AveragedModel(module(witness.trained[-1]))
    for epoch in (2, 3):
        averaged.update_parameters(module(witness.trained[6 * epoch + 5]))
        update_bn(DATA, averaged)
        assert_same(witness.validated[epoch], clone(averaged.module.state_dict()))
    assert_same(model.state_dict(), clone(averaged.module.state_dict()))


@pytest.mark.slow
def test_swa_measures_normalisations_without_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = compiled_passes.noted(monkeypatch)
    torch._dynamo.utils.counters.clear()
    compiled, _ = train(SWA(start=0.5), max_epochs=2, compile=True)
    assert len(passes) == 1 + 2 * (6 + 1)  # Batches of the check of validation, and those of training and validation.
    assert not torch._dynamo.utils.counters["graph_break"]
    plain, _ = train(SWA(start=0.5), max_epochs=2)
    assert_same(compiled.state_dict(), plain.state_dict())


class FrozenNorms(Callback):
    """Keeps normalisations from going by their batch, as `BackboneFreezing` does."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.network[1].eval()


def test_swa_keeps_the_statistics_of_frozen_normalisations() -> None:
    model, witness = train(SWA(start=0.5), max_epochs=4, callbacks=[FrozenNorms()])
    norm = model.network[1]
    assert torch.equal(norm.running_mean, torch.zeros(4))
    assert torch.equal(norm.running_var, torch.ones(4))
    assert not torch.equal(norm.weight, witness.trained[-1]["network.1.weight"])


@pytest.mark.parametrize("average", [EMA(start=0.5), SWA(start=0.5)])
def test_weights_themselves_are_validated_and_saved_before_the_start(average: WeightAverage, tmp_path: Path) -> None:
    checkpoint = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    _, witness = train(average, max_epochs=4, callbacks=[checkpoint], enable_checkpointing=True)
    for epoch in range(4):
        stored = torch.load(tmp_path / f"epoch={epoch}.ckpt", weights_only=True)
        assert ("current_model_state" in stored) == (epoch >= 2)
        assert_same(stored["state_dict"], witness.validated[epoch])
        assert_same(stored.get("current_model_state", stored["state_dict"]), witness.trained[6 * epoch + 5])
    assert torch.equal(witness.validated[1]["network.0.weight"], witness.trained[11]["network.0.weight"])
    assert not torch.equal(witness.validated[3]["network.0.weight"], witness.trained[23]["network.0.weight"])


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
@pytest.mark.parametrize("start", [0.0, 0.6])  # The checkpoint lies behind the start; before it.
@pytest.mark.parametrize("build", [partial(EMA, 0.5), SWA])
def test_a_resumed_run_gives_the_same_weights_to_the_bit(
    build: Callable[..., WeightAverage], start: float, tmp_path: Path
) -> None:
    checkpoint = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    whole, witness = train(build(start=start), max_epochs=4, callbacks=[checkpoint], enable_checkpointing=True)
    checkpoint = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    model, second = train(
        build(start=start), 4, callbacks=[checkpoint], enable_checkpointing=True, resumed=tmp_path / "epoch=1.ckpt"
    )
    assert len(second.trained) == 12
    for resumed, expected in ((model.state_dict(), whole.state_dict()), (second.trained[-1], witness.trained[-1])):
        assert all(torch.equal(resumed[name], expected[name]) for name in expected)


@pytest.mark.filterwarnings("ignore:Checkpoint directory", "ignore:Be aware that when using")
@pytest.mark.parametrize("average", [EMA(0.5), SWA(start=0.0)])
def test_a_run_that_is_resumed_without_its_average_is_one_that_never_had_it(
    average: WeightAverage, tmp_path: Path
) -> None:
    checkpoint = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    train(average, 2, callbacks=[checkpoint], enable_checkpointing=True)
    with pytest.warns(UserWarning, match="weights are an average, and nothing in trainer.callbacks averages"):
        model, _ = train(TrainingState(), 4, resumed=tmp_path / "epoch=1.ckpt")
    never, _ = train(Callback(), 4)
    assert all(torch.equal(value, never.state_dict()[name]) for name, value in model.state_dict().items())


def test_integers_are_copied() -> None:
    tensors = {"count": torch.tensor(1), "weight": torch.tensor(1.0)}
    average = TensorAverage(tensors)
    tensors["count"].fill_(9)
    tensors["weight"].fill_(2.0)
    average.add(0.25)
    assert {name: value.item() for name, value in average.states()[0].items()} == {"count": 9, "weight": 1.25}
    average.exchange()
    assert tensors["weight"].item() == 1.25
    assert average.states()[1]["weight"].item() == 2.0


def test_the_average_keeps_the_layout_of_the_weights() -> None:
    weight = torch.rand(4, 3, 2, 2).to(memory_format=torch.channels_last)
    stored, _ = TensorAverage({"w": weight}, average={"w": torch.rand(4, 3, 2, 2)}).states()
    assert stored["w"].is_contiguous(memory_format=torch.channels_last)


def test_an_average_that_never_began_is_reported() -> None:
    class Stop(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            trainer.should_stop = True

    with pytest.warns(UserWarning, match="EMA averaged nothing: training ended before a step that comes after"):
        train(EMA(start=0.9), max_epochs=4, callbacks=[Stop()])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: EMA(start=1.0), r"EMA.start must be a share of the run, in \[0, 1\), got 1.0"),
        (lambda: SWA(start=-0.1), r"SWA.start must be a share of the run, in \[0, 1\), got -0.1"),
        (lambda: EMA(half_life_epochs=0), r"EMA.half_life_epochs must be over 0, got 0"),
        (lambda: train(EMA(), callbacks=[SWA()]), "EMA and SWA both average the weights"),
        (lambda: train(SWA(), precision="bf16-true"), "set trainer.precision to bf16-mixed"),
        (lambda: train(SWA(), max_epochs=-1, max_time="00:00:00:01"), "SWA.start is a share of the run, which is open"),
        (lambda: EMA().setup(_Sharded(), classifier(), "fit"), "EMA needs all weights in each process"),
    ],
)
def test_what_an_average_cannot_work_with_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


def test_an_epoch_without_a_length_has_no_half_life() -> None:
    class Endless(torch.utils.data.IterableDataset[tuple[Tensor, int]]):
        def __iter__(self):
            while True:
                yield IMAGES[0], 0

    trainer = quiet_trainer(max_epochs=1, callbacks=[EMA()])
    with pytest.raises(UserError, match=r"EMA.half_life_epochs needs the length of an epoch"):
        trainer.fit(classifier(), DataLoader(Endless(), batch_size=4), DATA)


class _Sharded:
    strategy = FSDPStrategy.__new__(FSDPStrategy)
    callbacks = ()
