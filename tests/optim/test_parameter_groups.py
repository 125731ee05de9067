"""Which learning rate and weight decay each parameter has."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from tests.conftest import SMALL
from tests.models.test_image_classifier import classifier, loader, quiet_trainer
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau
from torchvision import models

from litclassify.cli import main
from litclassify.errors import UserError
from litclassify.networks import MLP, LeNet, Network, ResNet9, TimmNetwork, TorchvisionNetwork
from litclassify.optim import ParameterGroups, build_optimizer, scale_learning_rates

Settings = dict[str, tuple[float, float]]

THREE_LAYERS = partial(MLP, in_features=3, hidden_features=[5, 4])
DECAYING = ["--model.parameter_groups", "ParameterGroups", "--model.parameter_groups.layer_decay", "0.5"]


def settings(network: nn.Module, groups: list[dict[str, object]], weight_decay: float = 0.05) -> Settings:
    """Scale of the learning rate and weight decay of each parameter, by its name."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        names[id(parameter)]: (group["lr_scale"], group.get("weight_decay", weight_decay))
        for group in groups
        for parameter in group["params"]
    }


def groups_of(network: nn.Module, num_classes: int = 3, **arguments: object) -> list[dict[str, object]]:
    return ParameterGroups(**arguments)(network, num_classes, {})


@pytest.mark.parametrize(
    "name",
    [
        *["test_vit", "test_vit_relpos", "test_convnext", "test_resnet", "test_efficientnet", "test_mambaout"],
        *["swin_tiny_patch4_window7_224", "beit_base_patch16_224", "deit_tiny_distilled_patch16_224", "vgg11"],
        *["mobilenetv3_small_050", "regnetx_002", "densenet121", "fastvit_t8", "qwen3_vit_306m"],
    ],
)
def test_groups_of_timms_networks_are_timms(name: str) -> None:
    timm_optim = pytest.importorskip("timm.optim")
    with torch.device("meta"):
        network = TimmNetwork(3, name)
    excluded = network.model.no_weight_decay() if hasattr(network.model, "no_weight_decay") else ()
    expected = timm_optim.param_groups_layer_decay(
        network.model, weight_decay=0.05, no_weight_decay_list=excluded, layer_decay=0.7
    )
    ours = settings(network.model, groups_of(network, layer_decay=0.7))
    assert ours == settings(network.model, expected)


def test_groups_of_a_vision_transformer_are_those_of_beit() -> None:
    # Written by hand after get_num_layer_for_vit, https://github.com/microsoft/unilm/blob/master/beit/optim_factory.py
    with torch.device("meta"):
        network = TorchvisionNetwork(3, "vit_b_32")
    expected = {}
    for name, parameter in network.named_parameters():
        block = name.partition("encoder_layer_")[2].partition(".")[0]
        layer = (
            int(block) + 1 if block else next((n for part, n in (("heads", 13), ("encoder.ln", 12)) if part in name), 0)
        )
        without = parameter.dim() == 1 or name.endswith(("class_token", "pos_embedding"))
        expected[name] = (0.75 ** (13 - layer), 0.0 if without else 0.05)
    assert settings(network, groups_of(network, layer_decay=0.75)) == expected


def test_groups_of_a_residual_network_go_by_its_blocks() -> None:
    with torch.device("meta"):
        network = TorchvisionNetwork(3, "resnet18")
    blocks = ["layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer3.0", "layer3.1", "layer4.0", "layer4.1", "fc"]
    scales = {name: scale for name, (scale, _) in settings(network, groups_of(network, layer_decay=0.5)).items()}
    for name, scale in scales.items():
        number = next((i + 1 for i, block in enumerate(blocks) if name.startswith(f"model.{block}.")), 0)
        assert scale == 0.5 ** (9 - number), name


@pytest.mark.parametrize("build", [LeNet, THREE_LAYERS, ResNet9, partial(TorchvisionNetwork, name="resnet18")])
@pytest.mark.parametrize(
    "arguments", [{"layer_decay": 0.5}, {"head_lr_scale": 10}, {"layer_decay": 0.5, "head_lr_scale": 10}, {}]
)
def test_every_parameter_is_in_one_group_and_groups_have_names_of_their_own(
    build: Callable[..., nn.Module], arguments: dict[str, float]
) -> None:
    network = build(num_classes=3)
    groups = groups_of(network, **arguments)
    members = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(members) == sorted(map(id, network.parameters()))
    names = [group["name"] for group in groups]
    assert len(set(names)) == len(names)


def test_the_head_has_a_rate_of_its_own_on_top_of_its_stage() -> None:
    network = THREE_LAYERS(num_classes=3)
    scales = {group["name"]: group["lr_scale"] for group in groups_of(network, layer_decay=0.5, head_lr_scale=10)}
    assert scales == {
        **{"stage_00": 0.25, "stage_00_no_decay": 0.25, "stage_01": 0.5, "stage_01_no_decay": 0.5},
        **{"head": 10, "head_no_decay": 10},
    }


def test_weight_decay_can_be_left_on_everything() -> None:
    network = LeNet(num_classes=3)
    (backbone, head) = groups_of(network, head_lr_scale=10, weight_decay_exclude_1d=False)
    assert [backbone["name"], head["name"]] == ["backbone", "head"]
    assert {decay for _, decay in settings(network, [backbone, head]).values()} == {0.05}


def test_parameters_of_the_loss_are_trained_too() -> None:
    scale = nn.Parameter(torch.ones(1))
    groups = ParameterGroups(layer_decay=0.5)(LeNet(3), 3, {"criterion.scale": scale})
    assert groups[-1] == {"params": [scale], "name": "criterion_no_decay", "lr_scale": 1.0, "weight_decay": 0.0}


class Plain(nn.Module):
    """Says neither stages nor head."""

    def __init__(self, num_classes: int, spare: int = 0) -> None:
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.classifier = nn.Linear(4, num_classes + spare)


def test_the_head_of_any_other_network_is_its_last_layer() -> None:
    network = Plain(3)
    scales = {name: scale for name, (scale, _) in settings(network, groups_of(network, head_lr_scale=10)).items()}
    assert scales == {"body.weight": 1, "body.bias": 1, "classifier.weight": 10, "classifier.bias": 10}
    resnet = models.resnet18(num_classes=3)
    assert settings(resnet, groups_of(resnet, head_lr_scale=10))["fc.weight"][0] == 10


class Backwards(Network):
    """Defines its head first."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(4, num_classes, bias=False)
        self.body = nn.Linear(3, 4, bias=False)

    def parameter_stages(self) -> list[list[str]]:
        return [["body.weight"], ["head.weight"]]


class Forgetful(Backwards):
    def parameter_stages(self) -> list[list[str]]:
        return [["head.weight"]]


def test_a_network_can_say_its_stages_itself() -> None:
    network = Backwards(3)
    assert settings(network, groups_of(network, layer_decay=0.5)) == {
        "body.weight": (0.5, 0.05),
        "head.weight": (1.0, 0.05),
    }


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        (Plain(3), {"layer_decay": 0.5}, "layer_decay goes by the stages .*, which Plain does not say: leave it out"),
        (Plain(3, spare=1), {"head_lr_scale": 2}, "head_lr_scale needs the head .*, which Plain does not say: take"),
        (MLP(3, 4, []), {"head_lr_scale": 2}, "MLP has nothing else: leave it out"),
        (Forgetful(3), {"layer_decay": 0.5}, r"Forgetful.parameter_stages\(\) must give the name of each"),
        (LeNet(3), {"layer_decay": 0}, "layer_decay must be more than 0 and at most 1, got 0"),
        (LeNet(3), {"layer_decay": 1.5}, "layer_decay must be more than 0 and at most 1, got 1.5"),
        (LeNet(3), {"head_lr_scale": 0}, "head_lr_scale must be more than 0, got 0"),
        (LeNet(3), {"head_lr_scale": float("nan")}, "head_lr_scale must be more than 0, got nan"),
        (LeNet(3), {"weight_decay_exclude_1d": False}, "all parameters are alike. Set it to null"),
    ],
)
def test_what_cannot_be_grouped_is_refused(network: nn.Module, arguments: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=rf"model\.parameter_groups.*{message}|{message}"):
        groups_of(network, **arguments)


@pytest.mark.parametrize("factory", [partial(SGD, lr=0.1, momentum=0.9), partial(AdamW, lr=0.1), partial(Adam, lr=0.1)])
def test_groups_are_fused_and_have_their_own_rates(factory: Callable[..., Optimizer]) -> None:
    optimizer = scale_learning_rates(build_optimizer(factory, groups_of(LeNet(3), layer_decay=0.5)))
    assert all(group["fused"] is True for group in optimizer.param_groups)
    assert [group["lr"] for group in optimizer.param_groups] == [
        pytest.approx(0.1 * group["lr_scale"]) for group in optimizer.param_groups
    ]


def test_a_rate_that_is_a_tensor_is_scaled_once_for_each_group() -> None:
    optimizer = scale_learning_rates(
        build_optimizer(partial(Adam, lr=torch.tensor(0.5)), groups_of(LeNet(3), layer_decay=0.5))
    )
    assert [float(group["lr"]) for group in optimizer.param_groups] == [
        pytest.approx(0.5 * group["lr_scale"]) for group in optimizer.param_groups
    ]


@pytest.mark.parametrize(
    ("schedule", "interval"),
    [
        (partial(OneCycleLR, max_lr=0.1), "step"),
        (partial(CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=3), "step"),
        (partial(ReduceLROnPlateau, min_lr=0.02, patience=0, factor=0.1, mode="max", threshold=1e9), "epoch"),
    ],
    ids=["one_cycle", "cyclic", "plateau"],
)
def test_schedules_of_absolute_rates_keep_the_groups_apart(schedule: Callable[..., LRScheduler], interval: str) -> None:
    model = classifier(
        network=THREE_LAYERS,
        lr_scheduler=schedule,
        lr_interval=interval,
        parameter_groups=ParameterGroups(layer_decay=0.5),
    )
    trainer = quiet_trainer(max_epochs=3)
    seen = []
    model.on_train_batch_end = lambda *_: seen.append([group["lr"] for group in trainer.optimizers[0].param_groups])
    trainer.fit(model, loader(12, 3), loader(6, 3))
    assert len({rates[-1] for rates in seen}) > 1
    for rates in seen:
        assert rates == pytest.approx([rates[-1] * scale for scale in (0.25, 0.25, 0.5, 0.5, 1, 1)])


def test_training_equals_a_loop_written_by_hand() -> None:
    torch.manual_seed(0)
    by_hand = THREE_LAYERS(num_classes=3)
    parameters = dict(by_hand.named_parameters())
    optimizer = AdamW(
        [
            {"params": [parameters[f"layers.{layer}.{kind}"]], "lr": rate, "weight_decay": decay}
            for layer, rate in ((1, 0.025), (4, 0.05), (7, 0.1))
            for kind, decay in (("weight", 0.3), ("bias", 0.0))
        ]
    )
    data = loader(12, 4)
    for _ in range(2):
        for images, targets in data:
            optimizer.zero_grad()
            nn.functional.cross_entropy(by_hand(images / 255), targets).backward()
            optimizer.step()
    torch.manual_seed(0)
    model = classifier(
        network=THREE_LAYERS,
        optimizer=partial(AdamW, lr=0.1, weight_decay=0.3),
        parameter_groups=ParameterGroups(layer_decay=0.5),
    )
    quiet_trainer(max_epochs=2).fit(model, data, loader(3, 3))
    for ours, expected in zip(model.network.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(ours, expected)


ONE_CYCLE = ["--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.01", "--model.lr_interval", "step"]


def last_checkpoint() -> dict[str, object]:
    (path,) = Path("runs").glob("*/*/checkpoints/last.ckpt")
    return torch.load(path, weights_only=True)


def test_a_resumed_run_ends_as_one_that_never_stopped(fit: Callable[..., Path], tmp_path: Path) -> None:
    words = [*DECAYING, *ONE_CYCLE, "--model.lr_scheduler.total_steps", "20"]
    fit(*words, "--trainer.max_epochs", "3")
    expected = last_checkpoint()
    (tmp_path / "runs").rename("whole")
    fit(*words, "--trainer.max_epochs", "1")
    main(["fit", "--ckpt_path", "last", "--trainer.max_epochs", "3", "--trainer.enable_progress_bar", "false"])
    resumed = last_checkpoint()
    for name, value in expected["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], value), name
    assert resumed["optimizer_states"][0]["param_groups"] == expected["optimizer_states"][0]["param_groups"]
    assert [group["name"] for group in resumed["optimizer_states"][0]["param_groups"]][-2:] == ["head", "head_no_decay"]


def test_curves_and_table_show_each_group(fit: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(*DECAYING, *ONE_CYCLE, "--trainer.enable_model_summary", "true")
    printed = capsys.readouterr().out
    header = next(line for line in printed.splitlines() if line.startswith("Group"))
    assert header.split() == ["Group", "Layers", "Parameters", "Learning", "rate", "Weight", "decay"]
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.startswith(("stage_", "head"))}
    assert rows == {
        "stage_00": ["layers.1", "16,384", "0.005", "0.01"],
        "stage_00_no_decay": ["layers.1", "256", "0.005", "0"],
        "head": ["layers.4", "2,560", "0.01", "0.01"],
        "head_no_decay": ["layers.4", "10", "0.01", "0"],
    }
    columns = (run / "metrics.csv").read_text().partition("\n")[0].split(",")
    assert [name for name in columns if name.startswith("lr-AdamW/")] == [
        f"lr-AdamW/{name}" for name in ("head", "head_no_decay", "stage_00", "stage_00_no_decay")
    ]


def test_one_group_needs_no_table(fit: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    fit("--trainer.enable_model_summary", "true", "--trainer.max_epochs", "1")
    assert "Learning rate" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (DECAYING, ["--model.parameter_groups", "null"]),
        (DECAYING, ["--model.parameter_groups.layer_decay", "0.7"]),
        ([], DECAYING),
    ],
)
def test_groups_of_a_run_that_goes_on_cannot_be_changed(
    fit: Callable[..., Path], capsys: pytest.CaptureFixture[str], first: list[str], then: list[str]
) -> None:
    fit(*first, "--trainer.max_epochs", "1")
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--ckpt_path", "last", "--trainer.max_epochs", "3", *then])
    assert "model.parameter_groups" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["head_lr_scale", "0"], "error: model.parameter_groups.head_lr_scale must be more than 0, got 0.0."),
        (["layer_decay", "0.5"], "which ResNet does not say: leave it out, take TorchvisionNetwork or TimmNetwork"),
    ],
)
@pytest.mark.usefixtures("class_folders")
def test_a_mistake_is_a_line_before_there_is_a_run(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key, value = words
    with pytest.raises(SystemExit, match="2"):
        main(
            [
                *["fit", *SMALL, "--data", "ImageFolder", "--data.root", "images", "--data.image_size", "16"],
                *["--model.network", "torchvision.models.resnet18", "--model.parameter_groups", "ParameterGroups"],
                *[f"--model.parameter_groups.{key}", value],
            ]
        )
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()
