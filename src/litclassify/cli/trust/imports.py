"""The check of every class and function that a config names.

A config names what it is built from by import path, and jsonargparse calls what it names with arguments of the
config's choosing: `class_path: os.system` would be a command. A config is data that people pass around, so this
module keeps to the rule that configs, flags and checkpoints choose among building blocks and bring no code.

What is promised: a config, a flag's value or the configuration stored in a checkpoint

- imports no module outside of the packages in `rules.ALLOWED` and those that the user opens with `--allow_import`;
- names no class outside of them, no function outside of `rules.FUNCTIONS`, no method, and no name that starts with an
  underscore, under whatever alias: what counts is where an object is defined;
- cannot open a package itself: `--allow_import` and `LITCLASSIFY_ALLOW_IMPORT` are read from the command line and the
  environment alone;
- is loaded, like all files that torch and the libraries around it load, without unpickling, unless a package is open;
- cannot name what executes code, unpickles, compiles, or starts processes in packages that are open
  (`rules.DENIED`), and neither can `--allow_import` open that.

What is not promised: a class that may be named can use much memory or time, can write where its arguments say
(checkpoints, logs, traces), and can reach the network where that is its purpose (pretrained weights, some loggers). A
package that the user opens is trusted as a whole. Loading checkpoints in plain Python is up to the caller.
"""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from jsonargparse import _common, _util, set_parsing_settings

from litclassify.cli.trust.flag import FLAG, packages_in, split_words
from litclassify.cli.trust.rules import ALLOWED, DENIED, FUNCTIONS
from litclassify.errors import UserError
from litclassify.suggestions import nearest

Paths = Callable[[Any], set[str]]

# By which torch.load unpickles nothing, or anything, whatever it is asked for.
LOADING = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")


@contextmanager
def trusted_imports(words: Sequence[str]) -> Iterator[list[str]]:
    """Hold configs to the packages that they may use, for as long as a command runs.

    Args:
        words: The words of the command line.

    Yields:
        The words without `--allow_import`.

    Raises:
        UserError: `--allow_import` has no value, or names what stays closed or what there is not.
    """
    flagged, rest = split_words(words)
    opened = [*packages_in(os.environ), *flagged]
    # jsonargparse holds one set of rules for the whole process, and offers no way to take rules back.
    settings = _common.parsing_settings
    before = {name: settings[name] for name in ("import_path_verdicts", "import_paths_enforced")}
    paths, path = _util.canonical_import_paths, list(sys.path)
    loading = {name: os.environ[name] for name in LOADING if name in os.environ}
    try:
        if not opened:
            # What other libraries load, of a cache for example, is unpickled no more than what this one loads.
            os.environ.pop(LOADING[1], None)
            os.environ[LOADING[0]] = "1"
        _apply_rules(opened)
        # It has no hook that sees the object beside its path; pinning `jsonargparse<4.54` keeps this name in place.
        _util.canonical_import_paths = _with_functions_checked(paths, opened)  # type: ignore[assignment]
        if opened:
            # Last, so that no file of the current directory stands in for an installed package.
            sys.path.append(str(Path.cwd()))
        _check_found(opened)
        yield rest
    finally:
        for name in LOADING:
            os.environ.pop(name, None)
        os.environ.update(loading)
        sys.path[:] = path
        _util.canonical_import_paths = paths
        settings.update(before)


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
        # For a package that is open in part: the next larger part.
        package = path.rpartition(".")[0] if path.count(".") > 1 else path
    return f"{path} lies outside of the packages that a config may use. If you trust it: {FLAG} {package}"


def _apply_rules(opened: Sequence[str]) -> None:
    set_parsing_settings(import_path_denylist=["*", *DENIED], import_path_allowlist=list(ALLOWED))
    for package in opened:
        _check_name(package)
        if _common.denying_import_path_entry(package) not in (None, "*"):
            raise UserError(f"{FLAG} {package}: {package} stays closed. It can run any code that a config hands it.")
    set_parsing_settings(import_path_allowlist=list(opened))


def _check_name(package: str) -> None:
    module = package.removesuffix(".py").removeprefix("./").replace("/", ".")
    if not all(part.isidentifier() for part in module.split(".")):
        raise UserError(f"{FLAG} takes the name of a package or module, such as my_package, got '{package}'.")
    if module != package:
        raise UserError(f"{FLAG} {package}: give the module's name, {module}.")


def _check_found(opened: Sequence[str]) -> None:
    """Refuse names of nothing. Parts of a package are not looked for: that would import it."""
    for package in opened:
        top = package.partition(".")[0]
        if top not in sys.modules and find_spec(top) is None:
            nearby = [module.name for module in iter_modules([str(Path.cwd())])]
            raise UserError(
                f"{FLAG} {package}: there is no package or module '{top}', neither installed nor in the current "
                f"directory.{nearest(top, nearby)}"
            )


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
