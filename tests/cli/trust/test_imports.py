"""Nothing that a config, a flag's value or a checkpoint names is run unless it is a building block.

Every attack tries to make a file named `canary`; the file must never appear.
"""

import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from jsonargparse import _common, _util
from tests.conftest import REPOSITORY, SMALL, every

from litclassify.cli import main
from litclassify.cli.trust.imports import trusted_imports
from litclassify.cli.trust.rules import ALLOWED, DENIED, FUNCTIONS
from litclassify.errors import UserError

CANARY = "canary"
COMMAND = f"{sys.executable} -c \"open('{CANARY}', 'w')\""
MAX_LINES = 3
TINY = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1", "--trainer.limit_val_batches", "1"]

Refused = Callable[..., str]


def call(class_path: str, /, **arguments: Any) -> dict[str, Any]:
    return {"class_path": class_path, "init_args": arguments}


def at(key: str, value: Any) -> dict[str, Any]:
    """Give the config that holds a value at a key."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


SYSTEM = call("os.system", command=COMMAND)


@pytest.fixture(autouse=True)
def _nothing_is_executed() -> Iterator[None]:
    """Each test runs in a directory of its own, and ends there."""
    before = (dict(_common.parsing_settings), _util.canonical_import_paths, list(sys.path))
    yield
    assert not Path(CANARY).exists()
    assert before == (dict(_common.parsing_settings), _util.canonical_import_paths, list(sys.path))


@pytest.fixture
def refused(mistake: Refused) -> Refused:
    """Run a command line that must be refused; gives the message."""

    def run(*words: str) -> str:
        message = mistake(*words)
        assert len(message.splitlines()) <= MAX_LINES
        return message

    return run


@pytest.fixture
def refused_config(refused: Refused) -> Callable[[Any], str]:
    def run(content: Any) -> str:
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        Path("evil.yaml").write_text(text)
        return refused("fit", *SMALL, *TINY, "--config", "evil.yaml")

    return run


# --- Configs ---

# What an attacker would name: in every case the network of the model, which may be any callable.
NAMED = {
    "os.system": call("os.system", command=COMMAND),
    "os.popen": call("os.popen", cmd=COMMAND),
    "os.remove": call("os.remove", path="important"),
    "posix.system": call("posix.system", command=COMMAND),
    "subprocess.Popen": call("subprocess.Popen", args=COMMAND, shell=True),
    "subprocess.run": call("subprocess.run", args=COMMAND, shell=True),
    "builtins.eval": call("builtins.eval", source=f"open('{CANARY}', 'w')"),
    "builtins.exec": call("builtins.exec", source=f"open('{CANARY}', 'w')"),
    "builtins.open": call("builtins.open", file=CANARY, mode="w"),
    "builtins.getattr": call("builtins.getattr", object="os", name="system"),
    "builtins.__import__": call("builtins.__import__", name="antigravity"),
    "importlib.import_module": call("importlib.import_module", name="antigravity"),
    "runpy.run_path": call("runpy.run_path", path_name="evil.py"),
    "pickle.loads": call("pickle.loads", data="evil"),
    "pickle.load": call("pickle.load", file="evil.pkl"),
    "shutil.rmtree": call("shutil.rmtree", path="important"),
    "pathlib.Path.touch": call("pathlib.Path.touch", self=CANARY),
    "functools.partial": call("functools.partial", func="os.system"),
    "operator.call": call("operator.call", obj="os.system"),
    "operator.methodcaller": call("operator.methodcaller", name="system"),
    "webbrowser.open": call("webbrowser.open", url="http://127.0.0.1:9"),
    "ctypes.CDLL": call("ctypes.CDLL", name="evil.so"),
    "code.InteractiveInterpreter": call("code.InteractiveInterpreter"),
    "timeit.timeit": call("timeit.timeit", stmt=f"open('{CANARY}', 'w')"),
    "multiprocessing.Process": call("multiprocessing.Process", target="os.system"),
    "jsonargparse.set_parsing_settings": call("jsonargparse.set_parsing_settings", import_path_allowlist=["os"]),
    "torch.hub.load": call("torch.hub.load", repo_or_dir="evil", model="evil", source="local"),
    "torch.load": call("torch.load", f="evil.pt", weights_only=False),
    "torch.save": call("torch.save", obj=1, f=CANARY),
    "torch.from_file": call("torch.from_file", filename=CANARY, shared=True, size=1),
    "torch.serialization.load": call("torch.serialization.load", f="evil.pt", weights_only=False),
    "torch.jit.load": call("torch.jit.load", f="evil.pt"),
    "torch.jit.CompilationUnit": call("torch.jit.CompilationUnit", lang="evil"),
    "torch.export.load": call("torch.export.load", f="evil.pt2"),
    "torch.package.PackageImporter": call("torch.package.PackageImporter", file_or_buffer="evil.pt"),
    "torch.fx.GraphModule": call("torch.fx.GraphModule", root={}, graph=None),
    "torch.compile": call("torch.compile", backend="os.system"),
    "torch.ops.load_library": call("torch.ops.load_library", path="evil.so"),
    "torch.classes.load_library": call("torch.classes.load_library", path="evil.so"),
    "torch.utils.cpp_extension.load_inline": call("torch.utils.cpp_extension.load_inline", name="e", cpp_sources="e"),
    "torch.utils.model_zoo.load_url": call("torch.utils.model_zoo.load_url", url="http://127.0.0.1:9"),
    "torch.utils.benchmark.Timer": call("torch.utils.benchmark.Timer", stmt=f"open('{CANARY}', 'w')"),
    "torch.utils.data.datapipes.iter.FileOpener": call("torch.utils.data.datapipes.iter.FileOpener", mode="w"),
    "torch.multiprocessing.spawn": call("torch.multiprocessing.spawn", fn="os.system", args=[COMMAND]),
    "torch.distributed.run.main": call("torch.distributed.run.main", args=["evil.py"]),
    "torch.distributed.rpc.init_rpc": call("torch.distributed.rpc.init_rpc", name="evil"),
    "torch.distributed.checkpoint.load": call("torch.distributed.checkpoint.load", checkpoint_id="evil"),
    "torch.nn.attention._fa3._fa3_import_module": call(
        "torch.nn.attention._fa3._fa3_import_module", module_path="evil"
    ),
    "torch.nn.utils.skip_init": call("torch.nn.utils.skip_init", module_cls="os.system"),
    "torchvision.io.write_file": call("torchvision.io.write_file", filename=CANARY, data=[1]),
    "torchvision.utils.save_image": call("torchvision.utils.save_image", tensor=[1], fp=CANARY),
    "torchvision.datasets.utils.download_url": call("torchvision.datasets.utils.download_url", url="e", root="."),
    "torchmetrics.functional.text.bert_score": call("torchmetrics.functional.text.bert_score", model_name_or_path="e"),
    "lightning.pytorch.cli.instantiate_class": call("lightning.pytorch.cli.instantiate_class", args=[], init=SYSTEM),
    "lightning.pytorch.cli.LightningCLI": call("lightning.pytorch.cli.LightningCLI", args=["fit"]),
    "lightning.pytorch.core.saving._load_from_checkpoint": call("lightning.pytorch.core.saving._load_from_checkpoint"),
    "lightning.pytorch.plugins.io.TorchCheckpointIO.load_checkpoint": call(
        "lightning.pytorch.plugins.io.TorchCheckpointIO.load_checkpoint", self=None, path="evil.pt", weights_only=False
    ),
    "litclassify.models.ImageClassifier.load_from_checkpoint": call(
        "litclassify.models.ImageClassifier.load_from_checkpoint", checkpoint_path="evil.ckpt", weights_only=False
    ),
    "litclassify.cli.main": call("litclassify.cli.main", args=["fit", "--allow_import", "evil"]),
    "litclassify.cli.runs.directory.discard_unused": call(
        "litclassify.cli.runs.directory.discard_unused", run_dir="important"
    ),
    # Aliases: a module that imports another one offers all of it.
    "torch.os.system": call("torch.os.system", command=COMMAND),
    "torch.nn.functional.torch.from_file": call("torch.nn.functional.torch.from_file", filename=CANARY, shared=True),
    "torch.nn.modules.module.torch.load": call("torch.nn.modules.module.torch.load", f="evil.pt", weights_only=False),
    "torch.nn.functional.importlib.import_module": call("torch.nn.functional.importlib.import_module", name="evil"),
    "torchvision.datasets.utils.os.system": call("torchvision.datasets.utils.os.system", command=COMMAND),
    "torchvision.models._api.importlib.import_module": call(
        "torchvision.models._api.importlib.import_module", name="e"
    ),
    "lightning.pytorch.callbacks.model_checkpoint.shutil.rmtree": call(
        "lightning.pytorch.callbacks.model_checkpoint.shutil.rmtree", path="important"
    ),
    "litclassify.files.safe_loading.pickle.load": call("litclassify.files.safe_loading.pickle.load", file="evil.pkl"),
    "my_package.Net": call("my_package.Net"),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("where", every(2, ["a callback's hook", "model.network"]))
def test_what_is_no_building_block_is_refused(name: str, where: str, refused_config: Callable[[Any], str]) -> None:
    Path("important").mkdir()
    write_evil_files()
    named = NAMED[name]
    # A hook may be anything that can be called: jsonargparse would call it with any arguments.
    hook = at("trainer.callbacks", [call("LambdaCallback", on_fit_start=named)])
    message = refused_config(at("model.network", named) if where == "model.network" else hook)
    assert message.startswith(f"error: {'model.network' if where == 'model.network' else 'trainer.callbacks'}")
    assert "may not be used from a config" in message or "lies outside of the packages" in message
    assert Path("important").is_dir()


@pytest.mark.parametrize(
    "name", ["torch.hub.load", "subprocess.Popen", "torch.nn.modules.module.torch.load", "os.path"]
)
def test_what_stays_closed_gets_no_advice(name: str, refused: Refused) -> None:
    message = refused("fit", *SMALL, "--model.network", name)
    assert "may not be used from a config" in message
    assert "--allow_import" not in message


def test_the_refusal_says_how_to_open_a_package_of_ones_own(refused: Refused) -> None:
    message = refused("fit", *SMALL, "--model.network", "my_package.networks.Net")
    assert message == (
        "error: model.network: my_package.networks.Net lies outside of the packages that a config may use. "
        "If you trust it: --allow_import my_package"
    )


PLACES = {
    "model": SYSTEM,
    "data": SYSTEM,
    "checkpoint": SYSTEM,
    "early_stopping": SYSTEM,
    "model.network": "os.system",
    "model.criterion": SYSTEM,
    "model.criterion.init_args": {"weight": SYSTEM},
    "model.optimizer": SYSTEM,
    "model.lr_scheduler": SYSTEM,
    "data.train_transform": [SYSTEM],
    "data.eval_transform": [call("RandomHorizontalFlip"), SYSTEM],
    "trainer.callbacks": [SYSTEM],
    "trainer.callbacks+": SYSTEM,
    "trainer.logger": SYSTEM,
    "trainer.plugins": [SYSTEM],
    "trainer.strategy": SYSTEM,
    "trainer.profiler": SYSTEM,
    "trainer.accelerator": SYSTEM,
    # Where no class belongs.
    "trainer.max_epochs": SYSTEM,
    "data.batch_size": SYSTEM,
    "seed_everything": SYSTEM,
    "run_name": SYSTEM,
    "ckpt_path": SYSTEM,
}
NESTED = {
    "a callable of a schedule": at("model.lr_scheduler", call("LambdaLR", lr_lambda="os.system")),
    "a callable of a transform": at("data.train_transform", [call("Lambda", lambd="os.system")]),
    "a list within a transform": at("data.train_transform", [call("RandomApply", transforms=[SYSTEM])]),
    "an argument without a type": at("model.criterion", call("torch.nn.CrossEntropyLoss", size_average=SYSTEM)),
    "an argument that does not exist": at("model.criterion", call("torch.nn.CrossEntropyLoss", evil=SYSTEM)),
    "dict_kwargs": at("model.network", {"class_path": "MLP", "dict_kwargs": {"in_features": SYSTEM}}),
    "a plugin of a strategy": at("trainer.strategy", call("DDPStrategy", cluster_environment=SYSTEM)),
    "a hook of a strategy": at("trainer.strategy", call("DDPStrategy", ddp_comm_hook="os.system")),
    "allow_import in the file": at("allow_import", "os"),
    "allow_import as a list": at("allow_import", ["my_package"]),
    "allow_import in a section": at("trainer.allow_import", "os"),
    "a YAML object": f"model: !!python/object/apply:os.system ['{CANARY}']",
    "a YAML name": "model: {network: !!python/name:os.system}",
    "a YAML object deep inside": "trainer:\n  callbacks:\n  - !!python/object/new:os.system [touch canary]",
    "an interpolation": "model: {network: '${oc.env:HOME}'}\nrun_name: '${os.system:touch canary}'\nno_such_key: 1",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_command_is_refused_wherever_it_stands(place: str, refused_config: Callable[[Any], str]) -> None:
    assert place.partition(".init_args")[0].rstrip("+") in refused_config(at(place, PLACES[place]))


@pytest.mark.parametrize("name", NESTED)
def test_a_command_is_refused_however_deep(name: str, refused_config: Callable[[Any], str]) -> None:
    refused_config(NESTED[name])


def test_a_flag_is_held_to_the_same_rules(refused: Refused) -> None:
    assert "trainer.callbacks" in refused("fit", *SMALL, f"--trainer.callbacks+={yaml.safe_dump(SYSTEM)}")
    assert "model" in refused("fit", *SMALL, "--model", "subprocess.Popen")
    assert "os.system" in refused("fit", "--model.network.help", "os.system")


def test_a_file_of_another_package_is_not_imported(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("evil_module.py").write_text(f"open('{CANARY}', 'w')")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(Path.cwd())
        assert "evil_module" in refused("fit", *SMALL, "--model.network", "evil_module.Net")


# --- Checkpoints ---


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (COMMAND,)


def pickled(content: Any) -> bytes:
    """Give a pickle in torch's protocol: it warns of others, and a warning is an error in tests."""
    return pickle.dumps(content, protocol=2)


def write_evil_files() -> None:
    for name in ("evil.pkl", "evil.pt", "evil.ckpt"):
        Path(name).write_bytes(pickled(Evil()))
    Path("evil.py").write_text(f"open('{CANARY}', 'w')")


def saved(content: Any, **arguments: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **arguments)
    return buffer.getvalue()


def zipped(content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return buffer.getvalue()


def tarred(content: bytes) -> bytes:
    """Give the format of torch before 0.2."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("storages", "tensors", "pickle", "sys_info"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def changed(checkpoint: dict[str, Any], **values: Any) -> bytes:
    """Give the file of a checkpoint with other values at `section__key`."""
    content = deepcopy(checkpoint)
    for key, value in values.items():
        section, _, name = key.partition("__")
        content[section] = {**content.get(section, {}), name: value}
    return saved(content)


EVIL_CHECKPOINTS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "pickle": lambda _: pickled(Evil()),
    "old pickle protocol": lambda _: pickle.dumps({"state_dict": Evil()}, protocol=0),
    "pickle of eval": lambda _: f'cbuiltins\neval\n(S\'open("{CANARY}", "w")\'\ntR.'.encode(),
    "tar": lambda _: tarred(pickled(Evil())),
    "zip around a pickle": lambda _: zipped(pickled({"state_dict": Evil()})),
    "zip that inflates": lambda _: zipped(bytes(20_000_000), zipfile.ZIP_DEFLATED),
    "object in the state dict": lambda good: saved({**good, "state_dict": {"weight": Evil()}}),
    "object in the hyperparameters": lambda good: saved({**good, "hyper_parameters": Evil()}),
    "object without zip": lambda good: saved({**good, "evil": Evil()}, _use_new_zipfile_serialization=False),
    "truncated": lambda good: saved(good)[:-2000],
    "no model class": lambda good: changed(good, hyper_parameters___class_path="os.system"),
    "no data class": lambda good: changed(good, datamodule_hyper_parameters___class_path="os.system"),
    "network": lambda good: changed(good, hyper_parameters__network=NAMED["subprocess.Popen"]),
    "network of a package": lambda good: changed(good, hyper_parameters__network=call("my_package.Net")),
    "optimizer": lambda good: changed(good, hyper_parameters__optimizer=SYSTEM),
    "criterion": lambda good: changed(good, hyper_parameters__criterion=NAMED["torch.hub.load"]),
    "transform": lambda good: changed(good, datamodule_hyper_parameters__eval_transform=[SYSTEM]),
    "class in place of a number": lambda good: changed(good, datamodule_hyper_parameters__batch_size=SYSTEM),
    "files that are not its own": lambda good: changed(
        good, callbacks__ModelCheckpoint={"dirpath": "/a", "best_k_models": {"/a/../important": 1.0}}
    ),
    "a directory of its own that is not": lambda good: changed(
        good, callbacks__ModelCheckpoint={"dirpath": "/", "best_k_models": {}, "last_model_path": "local:///important"}
    ),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The content of a good checkpoint."""
    runs = tmp_path_factory.mktemp("good")
    main(["fit", *SMALL, *TINY, "--runs_dir", str(runs)])
    content: dict[str, Any] = torch.load(next(runs.glob("*/*/checkpoints/last.ckpt")), weights_only=True)
    return content


@pytest.mark.parametrize("subcommand", every(3, ["fit", "test", "predict"]))
@pytest.mark.parametrize("name", EVIL_CHECKPOINTS)
def test_an_evil_checkpoint_is_refused(
    name: str, subcommand: str, refused: Refused, checkpoint: dict[str, Any]
) -> None:
    Path("evil.ckpt").write_bytes(EVIL_CHECKPOINTS[name](checkpoint))
    refused(subcommand, "--ckpt_path", "evil.ckpt", "--trainer.accelerator", "cpu")


def test_a_checkpoint_named_in_a_config_is_refused(refused: Refused) -> None:
    write_evil_files()
    Path("evil.yaml").write_text("ckpt_path: evil.ckpt")
    assert "evil.ckpt" in refused("fit", *SMALL, "--config", "evil.yaml")


def test_the_function_that_plain_lightning_would_call_is_not_called(checkpoint: dict[str, Any]) -> None:
    Path("evil.ckpt").write_bytes(changed(checkpoint, hyper_parameters___instantiator="os.system"))
    main(["test", "--ckpt_path", "evil.ckpt", "--trainer.enable_progress_bar", "false"])


def test_the_config_beside_a_checkpoint_is_held_to_the_same_rules(
    capsys: pytest.CaptureFixture[str], checkpoint: dict[str, Any]
) -> None:
    run = Path("runs/evil/run")
    (run / "checkpoints").mkdir(parents=True)
    torch.save(checkpoint, run / "checkpoints/last.ckpt")
    (run / "config.fit.yaml").write_text(yaml.safe_dump(at("trainer.callbacks", [SYSTEM])))
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--ckpt_path", f"{run}/last"])
    assert stop.value.code == 2
    assert "trainer.callbacks: os.system" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["model.network.weights", "model.init_from"])
def test_evil_weights_are_refused(key: str, refused: Refused) -> None:
    write_evil_files()
    network = ["--model.network", "TorchvisionNetwork", "--model.network.name", "shufflenet_v2_x0_5"]
    words = [*network, "--model.network.in_channels", "1", "--data.image_size", "32", f"--{key}", "evil.pt"]
    assert "evil.pt" in refused("fit", *SMALL, *TINY, *words)


# --- What a user opens ---

MINE = """
import os
from functools import partial
from torch import hub, nn

class Net(nn.Sequential):
    def __init__(self, num_classes: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, num_classes))

def make(num_classes: int) -> nn.Module:
    return Net(num_classes)
"""


@pytest.fixture
def mine(request: pytest.FixtureRequest) -> Iterator[str]:
    """A module in the current directory, with a name of its own: Python imports a name only once."""
    name = f"mine_{abs(hash(request.node.name))}"
    Path(f"{name}.py").write_text(MINE)
    yield name
    sys.modules.pop(name, None)


def fit_words(*words: str) -> list[str]:
    return ["fit", "--data", "Digits", "--model.optimizer", "SGD", "--trainer.fast_dev_run", "true", *words]


@pytest.mark.parametrize("what", ["Net", "make"])
def test_a_module_of_the_current_directory_can_be_opened(what: str, mine: str) -> None:
    main(["--allow_import", mine, *fit_words("--model.network", f"{mine}.{what}")])
    main([*fit_words("--model.network", f"{mine}.{what}"), f"--allow_import={mine}"])


def test_the_environment_can_open_packages(mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other_package").mkdir()
    monkeypatch.setenv("LITCLASSIFY_ALLOW_IMPORT", f"other_package, {mine}")
    main(fit_words("--model.network", f"{mine}.Net"))


def test_a_run_opens_nothing_for_the_next(mine: str, refused: Refused) -> None:
    main(fit_words("--model.network", f"{mine}.Net", "--allow_import", mine))
    assert f"--allow_import {mine}" in refused(*fit_words("--model.network", f"{mine}.Net"))


def test_the_flag_leaves_no_trace_in_the_saved_config(mine: str) -> None:
    words = fit_words("--model.network", f"{mine}.Net", "--trainer.fast_dev_run", "false", *TINY)
    main([*words, "--allow_import", mine])
    (saved_config,) = Path("runs").glob("*/*/config.fit.yaml")
    assert "allow_import" not in saved_config.read_text()


@pytest.mark.slow
def test_a_checkpoint_of_an_own_network_needs_the_flag_again(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = fit_words("--model.network", f"{mine}.Net", "--trainer.fast_dev_run", "false", *TINY)
    main([*words, "--allow_import", mine])
    with pytest.raises(SystemExit):
        main(["test", "--ckpt_path", "best"])
    assert f"If you trust it: --allow_import {mine}" in capsys.readouterr().err
    main(["test", "--ckpt_path", "best", "--allow_import", mine])


@pytest.mark.parametrize("alias", ["os.system", "partial", "hub.load"])
def test_an_open_module_does_not_open_what_it_imports(alias: str, mine: str, refused: Refused) -> None:
    named = yaml.safe_dump(call(f"{mine}.{alias}", command=COMMAND), default_flow_style=True)
    message = refused(*fit_words("--allow_import", mine, "--model.network", named))
    assert "may not be used from a config" in message


@pytest.mark.parametrize(
    "package",
    [
        "os",
        "os.path",
        "builtins",
        "subprocess",
        "jsonargparse",
        "torch.hub",
        "torch.jit",
        "litclassify.cli",
        "functools",
    ],
)
def test_what_can_run_anything_stays_closed(package: str, refused: Refused) -> None:
    assert f"--allow_import {package}: {package} stays closed" in refused("fit", *SMALL, "--allow_import", package)


def test_opening_all_of_torch_keeps_its_dangers_closed(refused: Refused) -> None:
    for name in ("torch.hub.load", "torch.load", "torch.os.system", "torch.nn.functional.torch.load"):
        assert "may not be used" in refused("fit", *SMALL, "--allow_import", "torch", "--model.network", name)


@pytest.mark.parametrize("words", [["--allow_import"], ["--allow_import", "--config"], ["--allow_import="]])
def test_the_flag_needs_a_value(words: list[str], refused: Refused) -> None:
    assert "--allow_import needs a value" in refused("fit", *SMALL, *words)


@pytest.mark.parametrize(
    ("file", "module"),
    [("mine.py", "mine"), ("./mine.py", "mine"), ("my_package/nets.py", "my_package.nets"), ("my/nets", "my.nets")],
)
def test_a_file_is_told_the_name_of_its_module(file: str, module: str, refused: Refused) -> None:
    message = refused("fit", *SMALL, "--allow_import", file)
    assert message == f"error: --allow_import {file}: give the module's name, {module}."


@pytest.mark.parametrize("flag", ["--allow_imports", "--allow-import", "--alow_import"])
def test_a_misspelt_flag_is_named_before_what_it_does_not_open(flag: str, refused: Refused) -> None:
    for words in ([flag, "mine"], [f"{flag}=mine"]):
        message = refused("fit", *SMALL, *words, "--model.network", "mine.Net")
        assert message == f"error: There is no argument '{flag}'. Did you mean '--allow_import'?"


@pytest.mark.parametrize("package", ["*", "my-package", "my_package.*", "/my_package/nets.py"])
def test_a_package_has_the_name_of_one(package: str, refused: Refused) -> None:
    assert f"got '{package}'" in refused("fit", *SMALL, "--allow_import", package)


@pytest.mark.parametrize(
    ("package", "suggested"),
    [("mein_netz", " Did you mean 'mein_net'?"), ("mein_netz.layers", " Did you mean 'mein_net'?"), ("zzz", "")],
)
def test_a_package_that_there_is_not_is_refused(package: str, suggested: str, refused: Refused) -> None:
    Path("mein_net.py").touch()
    message = refused("fit", *SMALL, "--allow_import", package)
    missing = f"there is no package or module '{package.partition('.')[0]}', neither installed nor in the current"
    assert message == f"error: --allow_import {package}: {missing} directory.{suggested}"


def test_a_package_of_the_environment_that_there_is_not_is_refused(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITCLASSIFY_ALLOW_IMPORT", "zzz")
    assert "there is no package or module 'zzz'" in refused("fit", *SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["bin/litclassify", str(REPOSITORY / "main.py")])
def test_both_commands_find_the_current_directory(program: str) -> None:
    # The folder of the program comes first on Python's path, and not the current one.
    Path("bin").mkdir()
    Path("bin/litclassify").write_text("from litclassify.cli import main\nmain()\n")
    Path("own_module.py").write_text(MINE)
    words = fit_words("--model.network", "own_module.Net", "--trainer.accelerator", "cpu")
    for opened, code in ((["--allow_import", "own_module"], 0), ([], 2)):
        run = subprocess.run([sys.executable, program, *words, *opened], capture_output=True, text=True, check=False)
        assert run.returncode == code, run.stderr


# --- What still works ---


@pytest.mark.parametrize(
    "content",
    [
        at("model.criterion", call("torch.nn.CrossEntropyLoss", label_smoothing=0.1)),
        at("model.optimizer", call("torch.optim.SGD", lr=0.1)),
        at("model.lr_scheduler", call("lightning.pytorch.cli.ReduceLROnPlateau", monitor="val_loss")),
        at("data.train_transform", [call("torchvision.transforms.v2.RandomAffine", degrees=9), call("RandomErasing")]),
        at("trainer.callbacks", [call("RichModelSummary"), call("BackboneFinetuning"), call("Timer")]),
        at("trainer.logger", [call("CSVLogger", save_dir="logs"), call("TensorBoardLogger", save_dir="logs")]),
        at("trainer.profiler", call("SimpleProfiler")),
        at("trainer.strategy", call("SingleDeviceStrategy", device="cpu")),
        at("trainer.plugins", [call("lightning.pytorch.plugins.precision.Precision")]),
    ],
)
def test_building_blocks_can_be_named_and_their_printed_config_too(
    content: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("good.yaml").write_text(yaml.safe_dump(content))
    for _ in range(2):
        with pytest.raises(SystemExit) as stop:
            main(["fit", *SMALL, "--config", "good.yaml", "--print_config"])
        assert stop.value.code == 0
        Path("good.yaml").write_text(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["LeNet", "torchvision.models.resnet18", "torchvision.models.get_model"])
def test_networks_can_be_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--data", "Digits", "--model.optimizer", "SGD", "--model.network", name, "--print_config"])
    assert stop.value.code == 0


def test_every_rule_names_a_path() -> None:
    rules = [*ALLOWED, *FUNCTIONS, *DENIED]
    assert [rule for rule in rules if not all(part.isidentifier() for part in rule.split("."))] == []
    assert set(ALLOWED).isdisjoint(DENIED)


def test_the_rules_are_taken_back_after_a_mistake() -> None:
    with pytest.raises(UserError), trusted_imports(["--allow_import", "os"]):
        pass
    assert "*" not in _common.parsing_settings["import_path_verdicts"]
