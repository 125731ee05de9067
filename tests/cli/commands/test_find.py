"""Searches for a learning rate and a batch size."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.conftest import SMALL, every
from torch import Tensor, nn
from torch.fx import GraphModule

from litclassify.cli import main
from litclassify.cli.search import batch_size
from litclassify.networks import MLP

SCHEDULE = ["--model.lr_scheduler", "WarmupCosine"]
MUON = ["--model.optimizer", "Muon", "--model.optimizer.lr", "0.01", "--model.optimizer.rest", "AdamW"]
MUON += ["--model.optimizer.rest.lr", "0.001"]


def found_flags(text: str) -> list[str]:
    return re.findall(r"^(--(?:model|data)\..*)$", text, re.MULTILINE)[-1].split()


def last_state(run: Path) -> Any:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture
def fastest_at_32(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Take a moment for each batch size, and call those from 32 up equally fast; gives what is measured."""
    measure, sizes = batch_size.measure, []

    def measure_briefly(built: Any, size: int, _: float) -> batch_size.Measured:
        sizes.append(size)
        return replace(measure(built, size, 1e-6), images_per_second=float(min(size, 32)))

    monkeypatch.setattr(batch_size, "measure", measure_briefly)
    monkeypatch.setattr(batch_size, "garbage_collection_cuda", lambda: None)  # Half a second each.
    return sizes


@pytest.fixture
def finds_32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find a batch size of 32 without any training."""
    found = batch_size.BatchSizeSearch([batch_size.Measured(32, 1000.0, None, is_whole=True)], 32)
    monkeypatch.setattr("litclassify.cli.search.searches.search_size", lambda *_: found)


@pytest.mark.parametrize("optimizer", every(2, [[], MUON]))
def test_a_search_leaves_nothing_but_the_rate(
    fit: Callable[..., Path], optimizer: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["find", "lr", *SMALL, *optimizer, *SCHEDULE])
    flags = found_flags(capsys.readouterr().out)
    searched = fit(*optimizer, *SCHEDULE, "--find_lr", "true")
    given = fit(*optimizer, *SCHEDULE, *flags, "--run_name", "given")
    assert all(torch.equal(value, last_state(given)[name]) for name, value in last_state(searched).items())
    assert (searched / "metrics.csv").read_text("utf-8") == (given / "metrics.csv").read_text("utf-8")
    configs = [yaml.safe_load((run / "config.fit.yaml").read_text("utf-8")) for run in (searched, given)]
    assert configs[0]["model"] == configs[1]["model"]
    assert configs[0]["find_lr"] is False
    stored = [
        torch.load(run / "checkpoints/last.ckpt", weights_only=True)["hyper_parameters"] for run in (searched, given)
    ]
    assert stored[0]["optimizer"] == stored[1]["optimizer"]
    assert (searched / "lr_search.png").exists()
    assert not (given / "lr_search.png").exists()


def test_a_search_for_a_batch_size_leaves_nothing_but_that(
    fit: Callable[..., Path], fastest_at_32: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    searched = fit("--find_batch_size", "true")
    assert fastest_at_32 == [16, 32, 64, 128]
    (line,) = (line for line in caplog.messages if line.startswith("find_batch_size"))
    assert line.startswith("find_batch_size: --data.batch_size 32 (the learning rate is left as it is: model.optimizer")
    given = fit("--data.batch_size", "32", "--run_name", "given")
    assert all(torch.equal(value, last_state(given)[name]) for name, value in last_state(searched).items())
    assert (searched / "metrics.csv").read_text("utf-8") == (given / "metrics.csv").read_text("utf-8")
    configs = [yaml.safe_load((run / "config.fit.yaml").read_text("utf-8")) for run in (searched, given)]
    assert configs[0]["data"] == configs[1]["data"]
    assert configs[0]["model"] == configs[1]["model"]
    assert configs[0]["find_batch_size"] is False
    stored = torch.load(searched / "checkpoints/last.ckpt", weights_only=True)["datamodule_hyper_parameters"]
    assert stored["batch_size"] == 32
    assert (searched / "batch_size_search.png").exists()
    events = EventAccumulator(str(searched))
    events.Reload()
    assert "batch_size_search" in events.Tags()["images"]
    assert not (given / "batch_size_search.png").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("fastest_at_32")
def test_a_network_is_compiled_anew_after_a_search(fit: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[list[str]] = []

    def compiled(graph: GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        shapes.append([str(value.shape) for value in inputs if isinstance(value, Tensor)])
        return graph.forward

    monkeypatch.setattr(MLP, "compile", lambda self, mode: nn.Module.compile(self, backend=compiled))
    torch.compiler.reset()  # Other tests may have compiled such a network.
    fit("--model.compile", "true", "--data.batch_size", "32")
    given = [*shapes]
    torch.compiler.reset()
    fit("--model.compile", "true", "--find_batch_size", "true")
    torch.compiler.reset()
    assert shapes[-len(given) :] == given


@pytest.mark.usefixtures("finds_32")
def test_find_lr_goes_by_the_batch_size_that_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    main(["find", "lr", *SMALL, "--num_steps", "20", "--data.batch_size", "32"])
    given = capsys.readouterr().out
    main(["find", "lr", *SMALL, "--num_steps", "20", "--find_batch_size", "true"])
    assert capsys.readouterr().out == given


@pytest.mark.usefixtures("finds_32")
def test_a_config_asks_for_both_and_the_batch_size_comes_first(
    fit: Callable[..., Path], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    main(["find", "lr", *SMALL, "--data.batch_size", "32"])
    rate = found_flags(capsys.readouterr().out)
    Path("both.yaml").write_text("find_lr: true\nfind_batch_size: true\n")
    run = fit("--config", "both.yaml", "--trainer.max_epochs", "1")
    assert [line for line in caplog.messages if line.startswith("find_")] == [
        "find_batch_size: --data.batch_size 32",
        f"find_lr: {' '.join(rate)}",
    ]
    config = yaml.safe_load((run / "config.fit.yaml").read_text("utf-8"))
    assert config["data"]["init_args"]["batch_size"] == 32
    assert config["model"]["init_args"]["optimizer"]["init_args"]["lr"] == float(rate[1])
    assert (config["find_batch_size"], config["find_lr"]) == (False, False)
    assert {path.name for path in run.glob("*_search.png")} == {"batch_size_search.png", "lr_search.png"}


def test_the_rates_of_both_halves_keep_their_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    main(["find", "lr", *SMALL, *MUON])
    flags = found_flags(capsys.readouterr().out)
    rates = dict(zip(flags[::2], map(float, flags[1::2]), strict=True))
    assert rates["--model.optimizer.lr"] / rates["--model.optimizer.rest.lr"] == pytest.approx(10)


def test_a_search_for_a_rate_writes_nothing(tmp_path: Path) -> None:
    main(["find", "lr", *SMALL, "--trainer.accumulate_grad_batches", "2", "--num_steps", "20"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "what", every(2, [["lr", "--num_steps", "20"], ["batch_size", "--smallest", "400", "--seconds", "0.05"]])
)
def test_a_search_says_nothing_of_its_trainings(what: list[str], caplog: pytest.LogCaptureFixture) -> None:
    main(["find", *what, *SMALL])
    said = [message for message in caplog.messages if not message.startswith("GPU available")]
    assert said == ["Seed set to 0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.1"],
            "OneCycleLR sets learning rates",
        ),
        (["--model.optimizer.lr", "0"], "find_lr: model.optimizer.lr must be a number above 0"),
        (["--trainer.devices", "2"], "trainer.devices: a search takes one process"),
        (["--find_batch_size", "true", "--model.optimizer.lr", "0"], "find_lr: model.optimizer.lr must be"),
    ],
)
def test_a_search_of_no_use_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], fastest_at_32: list[int]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, "--find_lr", "true", *words])
    assert said in capsys.readouterr().err
    assert not fastest_at_32


def test_a_search_is_refused_where_a_run_resumes(fit: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = fit("--trainer.max_epochs", "1")
    for option, kept in (("find_lr", "the learning rate"), ("find_batch_size", "its batch size")):
        with pytest.raises(SystemExit, match="2"):
            main(["fit", "--ckpt_path", str(run / "last"), "--trainer.max_epochs", "2", f"--{option}", "true"])
        assert f"{option}: a resumed run goes on with {kept}" in capsys.readouterr().err


def test_a_batch_size_is_searched_by_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *SMALL, "--find_batch_size", "true", "--trainer.devices", "2"])
    assert "trainer.devices: a search takes one process" in capsys.readouterr().err


@pytest.mark.usefixtures("finds_32")
def test_a_rehearsal_of_training_searches_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    main(["fit", *SMALL, "--find_batch_size", "true", "--trainer.fast_dev_run", "true"])
    assert "find_batch_size: --data.batch_size 32" in caplog.text
    assert not Path("runs").exists()


@pytest.mark.parametrize("what", ["lr", "batch_size"])
def test_mistakes_in_the_config_are_those_of_fit(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["find", what, *SMALL, "--data.val_split", "2.5"])
    assert "data.val_split" in capsys.readouterr().err


@pytest.mark.parametrize(
    "what", every(2, [["lr", "--num_steps", "20"], ["batch_size", "--smallest", "800", "--seconds", "0.01"]])
)
def test_a_picture_is_drawn_where_it_is_asked_for(
    what: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["find", *what, *SMALL, "--picture", "curve.png"])
    *_, told, _, flags = capsys.readouterr().out.splitlines()
    assert told == "Wrote the picture to curve.png"
    assert flags.startswith("--")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_place_for_no_picture_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["find", "lr", *SMALL, "--num_steps", "20", "--picture", "missing/curve.png"])
    assert "--picture: 'missing/curve.png' cannot be written" in capsys.readouterr().err


def test_a_loss_that_diverges_at_once_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["find", "lr", *SMALL, "--min_lr", "1000", "--max_lr", "1e9"])
    assert "find_lr: the loss diverged after" in capsys.readouterr().err


def test_a_batch_size_is_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["find", "batch_size", *SMALL, "--smallest", "400", "--seconds", "0.05"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["batch_size", "images/s", "peak", "memory"]
    assert [line.split()[0] for line in lines[1:-2]] == ["400", "800"]  # Of 1,257 images to train on.
    assert found_flags("\n".join(lines))[0] == "--data.batch_size"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    every(
        2,
        [
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
            RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. "),
        ],
    ),
)
def test_missing_memory_ends_the_search(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = MLP.forward

    def forward_of_little_memory(self: MLP, images: torch.Tensor) -> torch.Tensor:
        if len(images) > 100:
            raise error
        return forward(self, images)

    monkeypatch.setattr(MLP, "forward", forward_of_little_memory)
    main(["find", "batch_size", *SMALL, "--smallest", "64", "--seconds", "0.05"])
    out = capsys.readouterr().out
    assert "out of memory" in out
    assert found_flags(out) == ["--data.batch_size", "64"]


@pytest.mark.parametrize(
    "what", every(2, [["lr", "--num_steps", "20"], ["batch_size", "--smallest", "400", "--seconds", "0.05"]])
)
def test_what_a_training_freezes_is_frozen_in_the_search(what: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    trained, forward = set(), MLP.forward

    def watched(self: MLP, images: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            trained.update(name for name, parameter in self.named_parameters() if parameter.requires_grad)
        return forward(self, images)

    monkeypatch.setattr(MLP, "forward", watched)
    freezing = ["--trainer.callbacks+", "BackboneFreezing", "--trainer.callbacks.freeze_epochs", "null"]
    main(["find", *what, *SMALL, *freezing])
    head = f"layers.{len(MLP(10, in_features=64).layers) - 1}"
    assert trained == {f"{head}.weight", f"{head}.bias"}


@pytest.mark.parametrize(
    "words",
    every(
        2,
        [
            ["--trainer.limit_train_batches", "0.1"],
            ["--trainer.limit_train_batches", "0", "--trainer.overfit_batches", "0.1"],
            [
                "--model.batch_mixing",
                "MixUp",
                "--model.batch_mixing.off_last_epochs",
                "15",
                "--trainer.max_epochs",
                "20",
            ],
            ["--trainer.max_steps", "5"],
            ["--trainer.callbacks+=BackboneFreezing", "--trainer.max_epochs", "20"],
        ],
    ),
)
def test_parts_of_a_run_do_not_shorten_a_search(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["find", "lr", *SMALL, "--num_steps", "12", *words])
    assert found_flags(capsys.readouterr().out)[0] == "--model.optimizer.lr"


@pytest.mark.parametrize("words", every(3, [["--smallest", "0"], ["--seconds", "0"], ["--smallest", "2000"]]))
def test_a_search_that_measures_nothing_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["find", "batch_size", *SMALL, *words])
    assert "--smallest" in capsys.readouterr().err
