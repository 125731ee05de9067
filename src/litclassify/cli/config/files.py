"""Config files, as a command line names them."""

from pathlib import Path
from typing import Any

import yaml

from litclassify.cli.config.yaml_text import load_yaml
from litclassify.cli.runs.directory import config_name
from litclassify.errors import UserError

Config = dict[str, Any]


def config_file(given: str) -> Path:
    """Give the config that a file or the directory of a run means."""
    path = Path(given)
    return path / config_name("fit") if path.is_dir() else path


def read_config(file: Path) -> Config:
    """Read a config as it is written.

    Raises:
        UserError: It is missing, or is not a mapping in YAML.
    """
    try:
        content = load_yaml(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"There is no file '{file}'.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"'{file}' cannot be read as text: {error}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise UserError(f"'{file}' is not valid YAML{place}: {getattr(error, 'problem', error)}.") from error
    if not isinstance(content, dict):
        raise UserError(f"'{file}' is not a config, which is a mapping of keys to values.")
    return content
