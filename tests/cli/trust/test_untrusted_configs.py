"""What a config may mean: no more than fits, nothing outside of its runs, and no secret sent away."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.cli.conftest import Mistake
from tests.conftest import SMALL

from litclassify.cli import main
from litclassify.cli.config.files import read_config
from litclassify.cli.config.yaml_text import MAX_DEPTH, MAX_VALUES, check_text, load_yaml
from litclassify.cli.trust.imports import LOADING, trusted_imports

CANARY = "canary"
# One that is built when the config is read, and writes a file under any name as it is built.
WRITER = {"class_path": "litclassify.predictions.parts.Part", "init_args": {"path": CANARY, "origin": {"x": "$(x)"}}}
FOLDER_MAKER = {"class_path": "litclassify.predictions.FolderSorter", "init_args": {"folder": CANARY}}


@pytest.fixture(autouse=True)
def _nothing_is_written() -> Iterator[None]:
    yield
    assert not Path(CANARY).exists()


def call(class_path: str, /, **arguments: Any) -> dict[str, Any]:
    return {"class_path": class_path, "init_args": arguments}


def refused(mistake: Mistake, content: Any) -> str:
    Path("evil.yaml").write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return mistake("fit", *SMALL, "--config", "evil.yaml")


# --- Bombs ---


def laughs(levels: int, value: str = "lol") -> str:
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join([f"a0: &a0 {value}", *lines, f"run_name: *a{levels - 1}"])


def merges(levels: int) -> str:
    lines = [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, levels)]
    return "\n".join(["a0: &a0 {x: 1}", *lines])


BOMBS = {
    "a billion laughs": (laughs(9), "holds more than 100,000 values"),
    "more than atoms": (laughs(90), "holds more than 100,000 values"),
    "merged mappings": (merges(40), "holds more than 100,000 values"),
    "nested lists": ("run_name: " + "[" * 100_000, "nest"),
    "nested mappings": ("run_name: " + "{a: " * 100_000, "nest"),
    "nested blocks": ("- " * 5_000 + "x", "nested more than 50 levels deep"),
    "itself": ("run_name: &a [*a]", "*a stands for what it is in"),
    "itself as a key": ("run_name: &a {*a : 1}", "*a stands for what it is in"),
    "no number": ("run_name: !!int x", "does not fit its type"),
    "no day": ("run_name: 2024-13-45", "does not fit its type"),
    "no time": ("run_name: !!timestamp x", "does not fit its type"),
    "no UTF-8 in base 64": ("run_name: !!binary \xff", "evil.yaml"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str, mistake: Mistake) -> None:
    text, reason = BOMBS[name]
    start = time.process_time()
    assert reason in refused(mistake, text)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", ["a billion laughs", "nested lists", "itself"])
def test_a_bomb_in_a_file_of_the_trainer_is_refused_at_once(name: str, mistake: Mistake) -> None:
    Path("evil.yaml").write_text(BOMBS[name][0])
    assert "evil.yaml" in mistake("fit", *SMALL, "--trainer", "evil.yaml")


@pytest.mark.parametrize("name", ["a billion laughs", "nested lists", "no number"])
def test_a_bomb_among_the_runs_is_passed_over(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = Path("runs/evil/2026-01-01_00-00-00")
    run.mkdir(parents=True)
    (run / "config.fit.yaml").write_text(BOMBS[name][0])
    (run / "metrics.csv").write_text("epoch,step,val_acc\n0,1,0.5\n")
    main(["runs"])
    assert "evil" in capsys.readouterr().out


@pytest.mark.parametrize("depth", [1, MAX_DEPTH - 1])
def test_what_is_just_deep_enough_is_read(depth: int) -> None:
    text = "[" * depth + "]" * depth
    assert load_yaml(text) == yaml.safe_load(text)
    with pytest.raises(yaml.YAMLError, match="nested"):
        check_text("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_aliases_count_as_what_they_stand_for() -> None:
    half = MAX_VALUES // 2 - 10
    check_text(f"a: &a [{'1, ' * half}]\nb: *a")
    with pytest.raises(yaml.YAMLError, match="more than"):
        check_text(f"a: &a [{'1, ' * half}]\nb: *a\nc: *a")


def test_anchors_of_a_recipe_are_read() -> None:
    Path("good.yaml").write_text("x: &lr 0.1\ny: {lr: *lr}\nz: &rest {a: 1}\nw: {<<: *rest, b: 2}")
    assert read_config(Path("good.yaml"))["w"] == {"a": 1, "b": 2}


# --- Classes where no type says what is allowed ---

UNTYPED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "a transform": lambda evil: {
        "data": {"init_args": {"train_transform": [call("torchvision.transforms.RandomErasing", value=evil)]}}
    },
    "a criterion": lambda evil: {
        "model": {"init_args": {"criterion": call("torch.nn.CrossEntropyLoss", size_average=evil)}}
    },
    "a logger": lambda evil: {"trainer": {"logger": call("TensorBoardLogger", save_dir="logs", comment=evil)}},
    "further arguments of a logger": lambda evil: {
        "trainer": {"logger": {**call("TensorBoardLogger", save_dir="logs"), "dict_kwargs": {"comment": evil}}}
    },
    "a strategy": lambda evil: {"trainer": {"strategy": call("DDPStrategy", ddp_comm_state=evil)}},
    "a callback": lambda evil: {"trainer": {"callbacks": [call("LambdaCallback", on_fit_start=evil)]}},
}


@pytest.mark.parametrize("evil", [WRITER, FOLDER_MAKER], ids=["writer", "folder"])
@pytest.mark.parametrize("place", UNTYPED)
def test_an_argument_without_a_type_builds_nothing_that_writes(
    place: str, evil: dict[str, Any], mistake: Mistake
) -> None:
    assert "lies outside of the packages" in refused(mistake, UNTYPED[place](evil))


# --- References ---

REFERENCES = {
    "a class": {"model": {"init_args": {"network": {"class_path": "${run_name}"}}}, "run_name": "os.system"},
    "a class of the environment": {"model": {"init_args": {"network": {"class_path": "${oc.env:EVIL}"}}}},
    "an unknown resolver": {"run_name": "${os.system:touch canary}"},
    "a resolver of another": {"run_name": "${${oc.env:EVIL}:touch canary}"},
    "a circle": {"run_name": "${group}", "group": "${run_name}"},
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_runs_nothing(name: str, mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIL", "os.system")
    refused(mistake, REFERENCES[name])


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


LEAKS: dict[str, Callable[[str], dict[str, Any]]] = {
    "checkpoints": lambda url: {"checkpoint": {"dirpath": f"{url}/${{oc.env:SOME_TOKEN}}"}},
    "a logger": lambda url: {
        "trainer": {"logger": [call("CSVLogger", save_dir=f"{url}/${{oc.env:SOME_TOKEN}}")]},
    },
    "a profiler": lambda url: {
        "trainer": {"profiler": call("SimpleProfiler", dirpath=f"{url}/${{oc.env:SOME_TOKEN}}", filename="x")}
    },
    "by another key": lambda url: {
        "run_name": "${oc.env:SOME_TOKEN}",
        "checkpoint": {"dirpath": f"{url}/${{run_name}}"},
    },
    "by a resolver's name": lambda url: {
        "run_name": "env",
        "checkpoint": {"dirpath": f"{url}/${{oc.${{run_name}}:SOME_TOKEN}}"},
    },
    "an address in parts": lambda url: {
        "run_name": url.partition(":")[0],
        "checkpoint": {"dirpath": f"${{run_name}}{url.removeprefix('http')}/${{oc.env:SOME_TOKEN}}"},
    },
    "decoded": lambda url: {"checkpoint": {"dirpath": f"{url}/${{oc.decode:${{oc.env:SOME_TOKEN}}}}"}},
}


@pytest.mark.parametrize("name", LEAKS)
def test_no_environment_variable_is_sent_away(
    name: str, requests: tuple[str, list[str]], mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = requests
    monkeypatch.setenv("SOME_TOKEN", "hunter2")
    message = refused(mistake, LEAKS[name](url))
    assert "hunter2" not in message
    assert asked == []


def test_an_address_or_an_environment_variable_alone_is_fine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "/data")
    both = {"runs_dir": "${oc.env:PLACE}/runs", "checkpoint": {"dirpath": "file:///data/${run_name}"}, "run_name": "a"}
    for content in (both, {"checkpoint": {"dirpath": "s3://bucket/${run_name}"}, "run_name": "a"}):
        Path("good.yaml").write_text(yaml.safe_dump(content))
        with pytest.raises(SystemExit, match="0"):
            main(["fit", *SMALL, "--config", "good.yaml", "--print_config"])
        assert "/a" in capsys.readouterr().out


# --- Names of runs ---


@pytest.mark.parametrize("name", ["../canary", "a/../../canary", "/tmp/canary", "~/canary", "a\x1b[2J", "a\nb", ".."])
def test_a_run_lies_below_the_folder_of_runs(name: str, mistake: Mistake) -> None:
    message = refused(mistake, {"run_name": name})
    assert message.startswith("error: run_name must name a folder below runs_dir")
    assert message.replace("\n", "").isprintable()


# --- Loading ---


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (CANARY,)


def test_no_library_unpickles_what_it_finds_in_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    # torchvision's own builders load what lies in the cache of torch.hub with weights_only=False.
    torch.save({"weight": Evil()}, "evil.pth")
    monkeypatch.setenv(LOADING[1], "1")
    with trusted_imports(["fit"]), pytest.raises(Exception, match="Weights only load failed"):
        torch.load("evil.pth", weights_only=False)
    assert os.environ[LOADING[1]] == "1"
    assert LOADING[0] not in os.environ


def test_a_package_that_is_open_loads_as_it_likes() -> None:
    Path("my_package").mkdir()
    torch.save({"weight": Path("x")}, "mine.pth")
    with trusted_imports(["fit", "--allow_import", "my_package"]):
        assert torch.load("mine.pth", weights_only=False) == {"weight": Path("x")}
