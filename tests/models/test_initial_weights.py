from pathlib import Path

import pytest
import torch
from tests.models.test_image_classifier import classifier, loader, quiet_trainer

from litclassify.errors import UserError
from litclassify.models.initial_weights import read_network_state, start_from, transfer
from litclassify.networks import LeNet, ResNet9


def checkpoint(path: Path, num_classes: int = 3) -> LeNet:
    network = LeNet(num_classes)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": {**state, "mean": torch.zeros(1)}, "hyper_parameters": {}}, path)
    return network


def test_weights_of_the_same_network_are_taken_whole(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "a.ckpt")
    target = LeNet(3)
    report = transfer(target, read_network_state(str(tmp_path / "a.ckpt")))
    assert all(torch.equal(target.state_dict()[name], value) for name, value in source.state_dict().items())
    assert (report.left, report.fresh) == ([], [])


def test_a_head_for_other_classes_starts_fresh_and_is_named(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "a.ckpt", num_classes=7)
    target = LeNet(3)
    before = target.classifier[-1].weight.clone()
    report = transfer(target, read_network_state(str(tmp_path / "a.ckpt")))
    assert torch.equal(target.conv1.weight, source.conv1.weight)
    assert torch.equal(target.classifier[-1].weight, before)
    assert report.fresh == report.left == ["classifier.5.weight", "classifier.5.bias"]
    assert "started fresh: classifier.5.weight, classifier.5.bias" in str(report)


def test_a_bare_state_dict_will_do(tmp_path: Path) -> None:
    torch.save(LeNet(3).state_dict(), tmp_path / "bare.pth")
    assert transfer(LeNet(3), read_network_state(str(tmp_path / "bare.pth"))).left == []


def test_a_classifier_starts_from_a_checkpoint_and_forgets_where_it_was(tmp_path: Path) -> None:
    trainer = quiet_trainer(max_epochs=1)
    first = classifier()
    trainer.fit(first, loader(6, 3), loader(3, 3))
    trainer.save_checkpoint(tmp_path / "first.ckpt")
    second = classifier(init_from=str(tmp_path / "first.ckpt"))
    assert torch.equal(second.network.scale, first.network.scale)
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(second, loader(6, 3), loader(3, 3))
    trainer.save_checkpoint(tmp_path / "second.ckpt")
    assert torch.load(tmp_path / "second.ckpt", weights_only=True)["hyper_parameters"]["init_from"] is None


def test_weights_that_do_not_fit_at_all_are_refused(tmp_path: Path) -> None:
    torch.save({"other.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"none of its 1 tensors fits a parameter .* It has other.weight"):
        transfer(LeNet(3), read_network_state(str(tmp_path / "other.pth")))


def test_counters_of_batches_that_fit_are_no_start() -> None:
    message = (
        r"none of its 49 tensors fits a parameter of the network. features.0.0.weight is \(8, .* \(16, 3, 3, 3\) here"
    )
    with pytest.raises(UserError, match=message):
        transfer(ResNet9(3, width=16), ResNet9(3, width=8).state_dict())


def test_parameters_are_counted_and_a_shape_that_differs_is_shown() -> None:
    report = transfer(LeNet(3), LeNet(7).state_dict())
    assert (report.parameters, report.all_parameters) == (10, 12)
    assert str(report).startswith("10 of 12 parameters taken; left in the file: classifier.5.weight")
    assert str(report).endswith("(classifier.5.weight is (7, 84) in the file, (3, 84) here)")


def test_few_parameters_are_a_warning(tmp_path: Path) -> None:
    parameters = dict(LeNet(3).named_parameters())
    torch.save({name: parameters[name].data for name in list(parameters)[:5]}, tmp_path / "few.pth")
    with pytest.warns(UserWarning, match=r"Started from .*few\.pth: 5 of 12 parameters taken; started fresh:"):
        start_from(LeNet(3), str(tmp_path / "few.pth"))
    torch.save({name: parameters[name].data for name in list(parameters)[:6]}, tmp_path / "half.pth")
    start_from(LeNet(3), str(tmp_path / "half.pth"))  # Warnings are errors.


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint"])
def test_a_file_without_weights_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.init_from"):
        read_network_state(str(tmp_path / "x.ckpt"))
