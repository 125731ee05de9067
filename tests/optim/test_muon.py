"""Muon against the implementations of torch and timm, and against a singular value decomposition."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
import torch
from tests.models.test_image_classifier import classifier, loader, quiet_trainer
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.nn import Parameter
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from litclassify.errors import UserError
from litclassify.networks import MLP, LeNet
from litclassify.optim import Muon, muon, start_momentum

REST = partial(SGD, lr=0.1, momentum=0.9)


def random_parameters(*shapes: tuple[int, ...]) -> list[Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def take_steps(optimizer: Optimizer, parameters: list[Parameter], steps: int = 5) -> None:
    for step in range(steps):
        for parameter in parameters:
            parameter.grad = torch.sin(parameter.detach() * 3 + step)
        optimizer.step()


def assert_same(ours: list[Parameter], theirs: list[Parameter], tolerance: float = 1e-5) -> None:
    for parameter, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(parameter, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(4, 4), (8, 20), (20, 8), (1, 5)])
def test_orthogonalized_is_near_the_factors_of_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    (matrix,) = random_parameters(shape)
    u, _, vh = torch.linalg.svd(matrix.detach(), full_matrices=False)
    rotated = u.T @ muon.orthogonalize(matrix.detach(), steps=10).float() @ vh.T
    torch.testing.assert_close(rotated.diagonal(), torch.ones(min(shape)), atol=0.35, rtol=0)
    assert (rotated - rotated.diagonal().diag()).abs().max() < 0.05


@pytest.mark.parametrize("orthogonalize_all", [muon._orthogonalize_kernels, muon._orthogonalize_alike])
def test_matrices_of_several_shapes_become_what_each_becomes(
    orthogonalize_all: Callable[[list[Tensor], int], list[Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muon, "_compute_dtype", lambda device: torch.float32)
    matrices = [parameter.detach() for parameter in random_parameters((8, 20), (20, 8), (8, 20), (6, 6), (8, 20))]
    torch.testing.assert_close(orthogonalize_all(matrices, 5), [muon.orthogonalize(matrix) for matrix in matrices])


@pytest.mark.gpu
def test_steps_on_a_gpu_are_those_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "_compute_dtype", lambda device: torch.float32)
    shapes = ((8, 4, 3, 3), (8, 8, 3, 3), (8, 8, 3, 3), (8,), (10, 8))
    on_cpu = random_parameters(*shapes)
    on_gpu = [Parameter(parameter.detach().cuda()) for parameter in on_cpu]
    optimizers = [Muon(parameters, REST, lr=0.02) for parameters in (on_cpu, on_gpu)]
    generator = torch.Generator().manual_seed(1)
    for step in range(6):
        for number, (ours, theirs) in enumerate(zip(on_gpu, on_cpu, strict=True)):
            # One layer is frozen for some steps: others are recorded together then.
            frozen = number == 1 and step in (2, 3)
            theirs.grad = None if frozen else torch.randn(theirs.shape, generator=generator)
            ours.grad = None if theirs.grad is None else theirs.grad.cuda()
        for optimizer in optimizers:
            optimizer.step()
        assert_same([parameter.cpu() for parameter in on_gpu], on_cpu, 1e-4)
    assert len(optimizers[1]._recorded) == 2


class Recorded:
    """Stands for a record of a GPU, and notes of how many matrices."""

    made: list[int]

    def __init__(self, function: Callable[[list[Tensor]], list[Tensor]], arguments: list[Tensor]) -> None:
        self.function = function
        self.made.append(len(arguments))

    def __call__(self, arguments: list[Tensor]) -> list[Tensor]:
        return self.function(arguments)


def records(num_matrices: int, frozen: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of how many matrices records are made, if so many of all, 4x8 each, are frozen one step after the other."""
    monkeypatch.setattr(muon, "RecordedFunction", Recorded)
    Recorded.made = []
    with FakeTensorMode():  # Tensors of a GPU that need none.
        parameters = [Parameter(torch.empty(4, 8, device="cuda")) for _ in range(num_matrices + 1)]
        optimizer = Muon(parameters, partial(SGD, lr=0.1, fused=False))
        for num_frozen in frozen:
            for number, parameter in enumerate(parameters):
                parameter.grad = None if number < num_frozen else torch.empty_like(parameter)
            optimizer.step()
    return Recorded.made


@pytest.mark.parametrize(("limit", "expected"), [(31, []), (191, [5]), (192, [6]), (400, [6, 5]), (999, [6, 5, 4, 3])])
def test_what_is_recorded_has_a_limit_in_all(limit: int, expected: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "RECORDED_UP_TO", limit)
    monkeypatch.setattr(muon, "RECORD_COUNTS_FOR", 1)
    assert records(6, (0, 1, 2, 3, 2, 1, 0), monkeypatch) == expected


def test_few_records_are_made_of_small_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(records(20, range(20), monkeypatch)) == 16


@pytest.mark.parametrize("adjust_lr_fn", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_hidden_matrices_go_the_way_of_torch(
    adjust_lr_fn: str, nesterov: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muon, "_compute_dtype", lambda device: torch.bfloat16)
    torch_muon = getattr(torch.optim, "Muon", None)
    if torch_muon is None:
        pytest.skip("torch has Muon from 2.9 on")
    shapes = ((8, 4), (6, 8), (6, 8), (10, 6))
    ours, theirs = random_parameters(*shapes), random_parameters(*shapes)
    arguments: dict[str, Any] = {"lr": 0.02, "nesterov": nesterov, "adjust_lr_fn": adjust_lr_fn}
    take_steps(Muon(ours, REST, **arguments), ours)
    take_steps(torch_muon(theirs, **arguments), theirs)
    assert_same(ours[:2], theirs[:2])


def test_convolutions_go_the_way_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    timm_muon = pytest.importorskip("timm.optim.muon")
    in_float32 = partial(timm_muon.zeropower_via_newtonschulz, dtype=torch.float32)
    monkeypatch.setattr(timm_muon, "zeropower_via_newtonschulz", in_float32)
    monkeypatch.setattr(muon, "_compute_dtype", lambda device: torch.float32)
    shapes = ((8, 4, 3, 3), (40, 8, 1, 1), (10, 40))
    ours, theirs = random_parameters(*shapes), random_parameters(*shapes)
    take_steps(Muon(ours, REST, lr=0.02, weight_decay=0.1), ours)
    arguments = {"lr": 0.02, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw", "nesterov": True}
    take_steps(timm_muon.Muon(theirs, ns_coefficients="original", **arguments), theirs)
    assert_same(ours[:2], theirs[:2])


def test_a_convolution_is_a_matrix_of_its_flattened_kernels() -> None:
    ours, flat = random_parameters((8, 4, 3, 3), (10, 8)), random_parameters((8, 36), (10, 8))
    with torch.no_grad():
        flat[0].copy_(ours[0].flatten(1))
    take_steps(Muon(ours, REST), ours)
    take_steps(Muon(flat, REST), flat)
    assert_same([Parameter(ours[0].flatten(1))], flat[:1])


@pytest.mark.parametrize("rest", [REST, partial(AdamW, lr=0.01)])
def test_the_rest_goes_the_way_of_its_own_optimizer(rest: Any) -> None:
    shapes = ((8, 4), (8,), (8, 1, 3, 3), (1, 5, 8), (10, 8), (10,))
    ours, theirs = random_parameters(*shapes), random_parameters(*shapes)
    take_steps(Muon(ours, rest), ours)
    take_steps(rest(theirs), theirs)
    assert_same(ours[1:], theirs[1:])
    assert not torch.equal(ours[0], theirs[0])


def names_by_half(network: nn.Module) -> tuple[set[str], set[str]]:
    names = {parameter: name for name, parameter in network.named_parameters()}
    halves = muon.split_groups(network.parameters())
    hidden, rest = ({names[parameter] for group in half for parameter in group["params"]} for half in halves)
    return hidden, rest


def test_the_last_matrix_is_the_head_and_gray_images_have_no_matrix() -> None:
    hidden, rest = names_by_half(LeNet(num_classes=10, in_channels=1))
    weights = [name for name, value in LeNet(num_classes=10).named_parameters() if value.dim() > 1]
    assert hidden == set(weights[1:-1])
    assert {weights[0], weights[-1]} <= rest


def test_both_halves_of_a_group_have_a_name_of_their_own() -> None:
    weight, bias, head = random_parameters((8, 4), (8,), (10, 8))
    optimizer = Muon([{"params": [weight, bias], "name": "body"}, {"params": [head], "name": "head"}], REST)
    assert [group["name"] for group in optimizer.param_groups] == ["body", "body_rest", "head"]


def test_groups_keep_what_they_set_in_both_halves() -> None:
    first, second, bias, head = random_parameters((8, 4), (6, 8), (6,), (10, 6))
    optimizer = Muon(
        [{"params": [first, second, head], "lr": 0.5}, {"params": [bias], "weight_decay": 0.0, "name": "no decay"}],
        REST,
    )
    first_half, head_group, bias_group = optimizer.param_groups
    assert (first_half["lr"], first_half["weight_decay"], head_group["lr"]) == (0.5, 0.1, 0.5)
    assert (bias_group["lr"], bias_group["name"]) == (0.1, "no decay")
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 1, 1]


def test_a_schedule_scales_both_halves() -> None:
    optimizer = Muon(random_parameters((8, 4), (10, 8)), REST, lr=0.02)
    schedule = LambdaLR(optimizer, lambda step: 0.5**step)
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in (*optimizer.param_groups, *optimizer.rest.param_groups)] == [0.01, 0.05, 0.05]


@pytest.mark.parametrize("rest", [REST, partial(AdamW, lr=0.01)])
def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(rest: Any, tmp_path: Any) -> None:
    parameters = random_parameters((8, 4), (8,), (10, 8))
    optimizer = Muon(parameters, rest)
    take_steps(optimizer, parameters)
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    resumed = [Parameter(parameter.detach().clone()) for parameter in parameters]
    loaded = Muon(resumed, rest, lr=1.0)
    loaded.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    take_steps(optimizer, parameters)
    take_steps(loaded, resumed)
    assert all(torch.equal(*pair) for pair in zip(parameters, resumed, strict=True))


def test_parameters_without_a_gradient_stay() -> None:
    parameters = random_parameters((8, 4), (6, 8), (10, 6))
    before = [parameter.detach().clone() for parameter in parameters]
    optimizer = Muon(parameters, REST)
    parameters[1].grad = torch.ones(6, 8)
    optimizer.step()
    assert [torch.equal(*pair) for pair in zip(parameters, before, strict=True)] == [True, False, True]


def test_a_closure_gives_the_loss_and_the_gradients() -> None:
    parameters = random_parameters((8, 4), (10, 8))

    def size() -> Tensor:
        return torch.cat([parameter.flatten() for parameter in parameters]).square().sum()

    def closure() -> Tensor:
        size().backward()  # type: ignore[no-untyped-call]
        return size().detach()

    before = size().item()
    assert Muon(parameters, REST).step(closure).item() == before
    assert size().item() < before


@pytest.mark.parametrize("rest", [REST, partial(AdamW, lr=0.01)])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_clipped(rest: Any, precision: Any) -> None:
    norms: list[float] = []

    def factory(parameters: Any) -> Optimizer:
        optimizer = Muon(parameters, rest)
        optimizer.register_step_pre_hook(lambda *_: norms.append(norm_of_gradients(optimizer)))
        return optimizer

    model = classifier(network=partial(MLP, in_features=3, hidden_features=[8, 8]), optimizer=factory)
    # Gradients are there when a step's closure has run, that is, before the next step.
    trainer = quiet_trainer(max_steps=2, gradient_clip_val=1e-3, precision=precision)
    trainer.fit(model, loader(6, 3), loader(3, 3))
    assert norms[1] == pytest.approx(1e-3, rel=0.01)


def norm_of_gradients(optimizer: Optimizer) -> float:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]).item()


def test_a_network_without_hidden_layers_is_refused() -> None:
    with pytest.raises(UserError, match="Muon found no hidden matrix"):
        Muon(nn.Linear(4, 2).parameters(), REST)


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        ("lr", -1, "at least 0"),
        ("momentum", 1.0, "at least 0 and less than 1"),
        ("weight_decay", -0.1, "at least 0"),
        ("ns_steps", 0, "at least 1"),
    ],
)
def test_values_outside_their_range_are_refused(argument: str, value: float, words: str) -> None:
    arguments: dict[str, Any] = {argument: value}
    with pytest.raises(UserError, match=rf"model\.optimizer\.{argument} must be {words}, got {value}"):
        Muon(random_parameters((8, 4), (10, 8)), REST, **arguments)


def test_momentum_of_the_rest_starts_where_it_is_unfrozen_later() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    optimizer = Muon(list(network.parameters()), lr=0.01, rest=partial(torch.optim.SGD, lr=0.1, momentum=0.9))
    assert optimizer.rest.defaults["fused"]
    for _ in range(2):
        network(torch.randn(8, 4)).square().sum().backward()
        optimizer.step()
        network.requires_grad_(True)
        start_momentum(optimizer)
    assert network[0].bias in optimizer.state
