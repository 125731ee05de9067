from pathlib import Path

import pytest

from litclassify.cli.command_line import CommandLine
from litclassify.errors import UserError


@pytest.mark.parametrize(
    "words",
    [
        ["--config=a.yaml", "--config", "b.yaml"],
        ["--config", "a.yaml", "--config=b.yaml"],
        ["-c", "a.yaml", "--config", "b.yaml"],
        ["--config", "a.yaml", "-c=b.yaml"],
    ],
)
def test_config_files_are_in_the_order_typed(words: list[str]) -> None:
    Path("a.yaml").write_text("runs_dir: first")
    Path("b.yaml").write_text("model: {network: LeNet}")
    command_line = CommandLine(["fit", *words])
    assert command_line.config_files == [Path("a.yaml"), Path("b.yaml")]
    assert str(command_line.located(UserError("Wrong.", "model.network"))) == "Wrong.\nIt stands in b.yaml, line 1."
    assert command_line.typed_places == set()
    assert CommandLine(["fit", *words, "--runs_dir", "first"]).typed_places == {"runs_dir"}


def test_a_value_is_that_of_the_last_flag_however_it_is_written() -> None:
    words = ["test", "--ckpt_path", "missing.ckpt", "--ckpt_path=best", "--runs_dir=empty"]
    with pytest.raises(ValueError, match="--ckpt_path best: no run under 'empty'"):
        assert CommandLine(words).checkpoint
    with pytest.raises(ValueError, match="'missing.ckpt' does not exist"):
        assert CommandLine(["test", *words[3:], *words[1:3]]).checkpoint


def test_a_folder_of_runs_whose_variable_is_missing_is_named() -> None:
    with pytest.raises(UserError, match=r"^runs_dir: .*'NOTHING' not found\"$"):
        assert CommandLine(["test", "--ckpt_path", "best", "--runs_dir", "${oc.env:NOTHING}/runs"]).checkpoint


@pytest.mark.parametrize("value", ["3", "[a.yaml]", "null", '"a\\0"'])
def test_a_config_in_a_config_is_a_file(value: str) -> None:
    Path("a.yaml").write_text(f"config: {value}")
    with pytest.raises(UserError, match="^config must name a file, got "):
        CommandLine(["fit", "--config", "a.yaml"]).words_with_checkpoint()


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(UserError, match="^config must name a file, got "):
        CommandLine(["fit", "--config", "a\0"]).words_with_checkpoint()


@pytest.mark.parametrize("flag", ["--model.network.name", "--model.init_args.network.init_args.name"])
@pytest.mark.parametrize("key", ["model.network.name", "model.network.init_args.name"])
def test_a_mistake_in_a_flag_is_not_looked_for_in_a_file(flag: str, key: str) -> None:
    Path("base.yaml").write_text("model: {network: {class_path: TorchvisionNetwork, init_args: {name: resnet18}}}")
    base = ["fit", "--config", "base.yaml"]
    assert str(CommandLine(base).located(UserError("Wrong.", key))) == "Wrong.\nIt stands in base.yaml, line 1."
    assert str(CommandLine([*base, flag, "resnet81"]).located(UserError("Wrong.", key))) == "Wrong."
