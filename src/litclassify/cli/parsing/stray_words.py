"""Words without a flag: which one they lack, by what they are on disk."""

import inspect
import shlex
from pathlib import Path

from lightning.pytorch import Trainer

from litclassify.cli.config.files import read_config
from litclassify.cli.runs.directory import OF_NEWEST_RUN
from litclassify.data.listing.find_images import only_images
from litclassify.errors import UserError

CONFIG = ("--config",)
SUFFIXES = {
    ".yaml": CONFIG,
    ".yml": CONFIG,
    ".json": CONFIG,
    ".ckpt": ("--ckpt_path",),
    ".csv": ("--data ImageTable --data.table",),
    ".parquet": ("--data ImageTable --data.table",),
    ".txt": ("--data.path",),
}
FOLDER = ("--data ImageFolder --data.root", "--data.path")


def flag_for(word: str) -> str:
    """Give ` Did you mean --config configs/digits.yaml?`; empty if the word names nothing that a flag takes."""
    meant = " or, to predict, ".join(f"{flag} {shlex.quote(word)}" for flag in _flags(word))
    return f" Did you mean {meant}?" if meant else ""


def _flags(word: str) -> tuple[str, ...]:
    path = Path(word)
    if not word:
        return ()
    if word in OF_NEWEST_RUN or (path / "checkpoints").is_dir():
        return ("--ckpt_path",)
    if path.is_dir():
        return FOLDER
    if not path.is_file():
        return ()
    if only_images([word]):
        return ("--data.path",)
    flags = SUFFIXES.get(path.suffix.lower(), ())
    return ("--trainer",) if flags == CONFIG and _is_fragment(path) else flags


def _is_fragment(config: Path) -> bool:
    """Whether a config holds arguments of the Trainer alone."""
    try:
        keys = read_config(config).keys()
    except UserError:
        return False
    return keys <= inspect.signature(Trainer).parameters.keys()
