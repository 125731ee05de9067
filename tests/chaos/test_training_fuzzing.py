"""Whatever value a config has, `fit` trains with it, or a few lines say why not."""

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from tests.chaos.refusals import faults_of
from tests.chaos.training_mutations import mutated_training

from litclassify.cli import main

CASES = 500
# A config may ask for a training that does not end, and for more memory than there is.
LIMITS = ["--trainer.max_time", "00:00:00:04"]
MEMORY_BYTES = 12 * 2**30

pytestmark = [
    # What is warned of is taken: a training that goes on.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(torch.cuda.is_available(), reason="limits addresses, of which CUDA takes many"),
]


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def train(seed: int, capsys: pytest.CaptureFixture[str]) -> int:
    """Train with the config of a seed; gives the exit code."""
    config, changes = mutated_training(seed)
    Path("config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    capsys.readouterr()
    try:
        main(["fit", "--config", "config.yaml", *LIMITS])
    except SystemExit as stop:
        assert stop.code == 2, (seed, changes)  # noqa: PT017 - that it is refused is one of two good ends
        said = capsys.readouterr().err
        assert faults_of(said) == [], (seed, changes, said)
        return 2
    except Exception as error:
        raise AssertionError((seed, changes)) from error
    finally:
        shutil.rmtree("runs", ignore_errors=True)
    return 0


@pytest.mark.parametrize("seed", [1001, 1065, 1387, 1591, 1723])
def test_a_wrong_value_is_trained_with_or_refused(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    train(seed, capsys)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_hundred_wrong_values_are_trained_with_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    codes = Counter(train(seed, capsys) for seed in range(CASES))
    with capsys.disabled():
        sys.stdout.write(f"\n{codes.total()} trainings, {codes[0]} to the end, {codes[2]} refused\n")
    assert codes[0] > CASES // 10


def test_a_case_is_a_pure_function_of_its_seed() -> None:
    assert mutated_training(3) == mutated_training(3)
