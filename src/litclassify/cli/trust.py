"""Which classes and functions a config may name.

A config names what it is built from by import path, and jsonargparse calls what it names with arguments of the
config's choosing: `class_path: os.system` would be a command. A config is data that people pass around, so this
module keeps to the rule that configs, flags and checkpoints choose among building blocks and bring no code.

What is promised: a config, a flag's value or the configuration stored in a checkpoint

- imports no module outside of the packages in `ALLOWED` and those that the user opens with `--allow_import`;
- names no class outside of them, no function outside of `FUNCTIONS`, no method, and no name that starts with an
  underscore, under whatever alias: what counts is where an object is defined;
- cannot open a package itself: `--allow_import` and `LITCLASSIFY_ALLOW_IMPORT` are read from the command line and the
  environment alone;
- cannot name what executes code, unpickles, compiles, or starts processes in packages that are open (`DENIED`), and
  neither can `--allow_import` open that.

What is not promised: a class that may be named can use much memory or time, can write where its arguments say
(checkpoints, logs, traces), and can reach the network where that is its purpose (pretrained weights, some loggers). A
package that the user opens is trusted as a whole. Loading checkpoints in plain Python is up to the caller.
"""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jsonargparse import _common, _util, set_parsing_settings

from litclassify.errors import UserError

FLAG = "--allow_import"
VARIABLE = "LITCLASSIFY_ALLOW_IMPORT"
HELP = (
    f"A config names classes of torch, torchvision, torchmetrics, lightning and litclassify. {FLAG} PACKAGE "
    f"(repeatable), or {VARIABLE} in the environment, opens a package or module of your own: see SECURITY.md."
)

# Where classes and constants may come from. Of torch and lightning, the parts that a training is built from: their
# other parts hold many ways to run code, and more with each release.
ALLOWED = (
    "litclassify",
    "torch.nn",
    "torch.optim",
    "torch.utils.data",
    "torch.amp.GradScaler",
    "torch.amp.grad_scaler.GradScaler",
    "torch.distributed.algorithms.ddp_comm_hooks",
    "torch.distributed.fsdp",
    "torch.device",
    "torch.dtype",
    "torch.Generator",
    *(f"torch.{name}" for name in ("relu", "sigmoid", "softmax", "tanh")),
    *(f"torch.{name}" for name, value in vars(torch).items() if isinstance(value, torch.dtype)),
    # Where torch's built-in functions of tensors are defined.
    "torch._VariableFunctionsClass",
    "torch._C._nn",
    "torchmetrics",
    "torchvision.models",
    "torchvision.ops",
    "torchvision.transforms",
    "torchvision.tv_tensors",
    *(
        f"{package}.{name}"
        for package in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning_fabric")
        for name in ("accelerators", "plugins", "strategies")
    ),
    # The loggers of services are left out: they hand their arguments on to packages that start programs of their own.
    *(
        f"{package}.{name}"
        for package in ("lightning.pytorch", "pytorch_lightning")
        for name in (
            "callbacks",
            "cli.ReduceLROnPlateau",
            "loggers.CSVLogger",
            "loggers.csv_logs",
            "loggers.TensorBoardLogger",
            "loggers.tensorboard",
            "profilers",
        )
    ),
)

# Where functions may come from. A config can call a function with any arguments, so these are functions of tensors,
# and builders of networks.
FUNCTIONS = (
    "litclassify.losses",
    "litclassify.networks",
    "litclassify.optim",
    "lightning.pytorch.callbacks",
    "pytorch_lightning.callbacks",
    "torch._C._nn",
    "torch._VariableFunctionsClass",
    "torch.distributed.algorithms.ddp_comm_hooks",
    "torch.distributed.algorithms._comm_hooks",
    "torch.distributed.fsdp.wrap",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.optim.swa_utils",
    "torchmetrics.functional",
    "torchvision.models",
    "torchvision.ops",
    "torchvision.transforms",
)

# What stays closed in packages that are open, by ALLOWED or by the user; jsonargparse's own list covers the standard
# library. Each executes code, imports by name, unpickles, compiles, starts processes, or writes or fetches files.
DENIED = (
    "builtins",
    "litclassify.cli",
    "litclassify.data.cifar.extract_files",
    "lightning.app",
    "lightning.data",
    *(
        f"{package}.{name}"
        for package in ("lightning.pytorch", "pytorch_lightning")
        for name in ("cli", "core", "demos", "serve", "strategies.launchers", "trainer", "tuner", "utilities")
    ),
    *(
        f"{package}.{name}"
        for package in ("lightning.fabric", "lightning_fabric")
        for name in ("cli", "fabric", "strategies.launchers", "utilities", "wrappers")
    ),
    "torch._C",
    "torch._VariableFunctionsClass.from_file",
    "torch._classes",
    "torch._dynamo",
    "torch._export",
    "torch._functorch",
    "torch._inductor",
    "torch._jit_internal",
    "torch._library",
    "torch._ops",
    "torch._utils_internal",
    "torch._weights_only_unpickler",
    "torch.classes",
    "torch.compile",
    "torch.compiler",
    "torch.cuda.jiterator",
    "torch.distributed.checkpoint",
    "torch.distributed.distributed_c10d",
    "torch.distributed.elastic",
    "torch.distributed.launch",
    "torch.distributed.launcher",
    "torch.distributed.rpc",
    "torch.distributed.run",
    "torch.export",
    "torch.from_file",
    "torch.fx",
    "torch.hub",
    "torch.import_ir_module",
    "torch.import_ir_module_from_buffer",
    "torch.jit",
    "torch.library",
    "torch.load",
    "torch.mps.compile_shader",
    "torch.multiprocessing",
    "torch.nn.attention",
    "torch.nn.cpp",
    "torch.nn.utils._deprecation_utils",
    "torch.onnx",
    "torch.ops",
    "torch.overrides",
    "torch.package",
    "torch.save",
    "torch.serialization",
    "torch.storage",
    "torch.testing",
    "torch.utils._triton",
    "torch.utils.backend_registration",
    "torch.utils.benchmark",
    "torch.utils.bottleneck",
    "torch.utils.bundled_inputs",
    "torch.utils.collect_env",
    "torch.utils.cpp_backtrace",
    "torch.utils.cpp_extension",
    "torch.utils.data._utils",
    "torch.utils.data.datapipes",
    "torch.utils.data.graph",
    "torch.utils.file_baton",
    "torch.utils.hipify",
    "torch.utils.mobile_optimizer",
    "torch.utils.model_dump",
    "torch.utils.model_zoo",
    "torch.utils.show_pickle",
    "torch.utils.viz",
    *(
        f"torchmetrics.{prefix}{name}"
        for prefix in ("", "functional.")
        for name in ("audio", "detection", "image", "multimodal", "text")
    ),
    "torchmetrics.utilities",
    "torchvision.datasets.utils",
    "torchvision.extension",
    "torchvision.io",
    "torchvision.models.feature_extraction",
    "torchvision.utils",
)

Paths = Callable[[Any], set[str]]


@contextmanager
def trusted_imports(words: Sequence[str]) -> Iterator[list[str]]:
    """Hold configs to the packages that they may use, for as long as a command runs.

    Args:
        words: The words of the command line.

    Yields:
        The words without `--allow_import`.

    Raises:
        UserError: `--allow_import` has no value, or names what stays closed.
    """
    flagged, rest = split_words(words)
    opened = [*packages_in(os.environ), *flagged]
    # jsonargparse holds one set of rules for the whole process, and offers no way to take rules back.
    settings = _common.parsing_settings
    before = {name: settings[name] for name in ("import_path_verdicts", "import_paths_enforced")}
    paths, path = _util.canonical_import_paths, list(sys.path)
    try:
        _apply_rules(opened)
        # It has no hook that sees the object beside its path; pinning `jsonargparse<5` keeps this name in place.
        _util.canonical_import_paths = _with_functions_checked(paths, opened)  # type: ignore[assignment]
        if opened:
            # Last, so that no file of the current directory stands in for an installed package.
            sys.path.append(str(Path.cwd()))
        yield rest
    finally:
        sys.path[:] = path
        _util.canonical_import_paths = paths
        settings.update(before)


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give the packages of every `--allow_import`, and the other words.

    Raises:
        UserError: The last word is a `--allow_import` without a value.
    """
    packages, rest = [], []
    following = iter(words)
    for word in following:
        if word == FLAG:
            packages.append(_value(next(following, "")))
        elif word.startswith(f"{FLAG}="):
            packages.append(_value(word.removeprefix(f"{FLAG}=")))
        else:
            rest.append(word)
    return packages, rest


def opening_words(words: Sequence[str]) -> list[str]:
    """Give the `--allow_import` words that open what a command line and the environment open, for another command."""
    opened = dict.fromkeys((*packages_in(os.environ), *split_words(words)[0]))
    return [word for package in opened for word in (FLAG, package)]


def packages_in(environment: Mapping[str, str]) -> list[str]:
    """Give the packages of `LITCLASSIFY_ALLOW_IMPORT=first,second`."""
    return [name.strip() for name in environment.get(VARIABLE, "").split(",") if name.strip()]


def refusal(path: str, entry: str) -> str:
    """Say why a config may not name something.

    Args:
        path: Where it is defined.
        entry: The rule that denies it; `*` is the one that denies what no other rule names.
    """
    if entry != "*":
        return f"{path} may not be used from a config."
    package = path.partition(".")[0]
    if any(_is_under(allowed, [package]) for allowed in ALLOWED):
        # Of a package that is open in part, the next larger part.
        package = path.rpartition(".")[0] if path.count(".") > 1 else path
    return f"{path} lies outside of the packages that a config may use. If you trust it: {FLAG} {package}"


def _value(text: str) -> str:
    if not text or text.startswith("-"):
        raise UserError(f"{FLAG} needs a value: the package or module to open, such as {FLAG} my_package.")
    return text


def _apply_rules(opened: Sequence[str]) -> None:
    set_parsing_settings(import_path_denylist=["*", *DENIED], import_path_allowlist=list(ALLOWED))
    for package in opened:
        if not all(part.isidentifier() for part in package.split(".")):
            raise UserError(f"{FLAG} takes the name of a package or module, such as my_package, got '{package}'.")
        if _common.denying_import_path_entry(package) not in (None, "*"):
            raise UserError(f"{FLAG} {package}: {package} stays closed. It can run any code that a config hands it.")
    set_parsing_settings(import_path_allowlist=list(opened))


def _with_functions_checked(paths: Paths, opened: Sequence[str]) -> Paths:
    """Wrap jsonargparse's view of where an object is defined: it has one rule for classes and functions alike."""

    def checked(obj: Any) -> set[str]:
        found = paths(obj)
        for path in found:
            if not _is_under(path, opened) and _is_no_building_block(obj, path):
                entry = _common.denying_import_path_entry(path) or "*"
                raise _common.ImportDenied(f"Importing '{path}' is not allowed, denied by the '{entry}' entry")
        return found

    return checked


def _is_no_building_block(obj: Any, path: str) -> bool:
    if path.rpartition(".")[2].startswith("_"):
        return True
    if not inspect.isroutine(obj):
        return False
    is_method = "." in obj.__qualname__ and not path.startswith("torch._VariableFunctionsClass.")
    return is_method or not _is_under(path, FUNCTIONS)


def _is_under(path: str, packages: Sequence[str]) -> bool:
    return any(path == package or path.startswith(f"{package}.") for package in packages)
