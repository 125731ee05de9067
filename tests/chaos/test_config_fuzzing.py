"""Whatever a config or a command line says, it parses, or a few lines say why not."""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest
from tests.chaos.config_mutations import mutated_command
from tests.chaos.refusals import faults_of
from tests.conftest import every

from litclassify.cli import main

CASES_PER_TEST = 5
TIME_LIMIT_S = 10
MAX_GROWTH_MB = 64


@contextmanager
def time_limit(seed: int) -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        raise TimeoutError(f"case {seed} takes more than {TIME_LIMIT_S} s of computing")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, TIME_LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def check(seed: int, capsys: pytest.CaptureFixture[str]) -> int:
    """Parse the command line of a seed; gives the exit code."""
    words = mutated_command(seed, Path.cwd())
    with time_limit(seed), pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr().err
    assert stop.value.code in (0, 2), (seed, words)
    if stop.value.code == 2:
        assert faults_of(said) == [], (seed, said)
    assert not Path("canary").exists(), (seed, words)
    return int(stop.value.code)


@pytest.mark.parametrize("first", every(3, range(0, 150, CASES_PER_TEST)))
def test_faulty_configs_parse_or_are_told_in_a_few_lines(first: int, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(first, first + CASES_PER_TEST):
        check(seed, capsys)


def test_a_case_is_a_pure_function_of_its_seed(tmp_path: Path) -> None:
    cases = []
    for _ in range(2):
        words = mutated_command(7, tmp_path)
        cases.append((words, {file.name: file.read_bytes() for file in tmp_path.iterdir()}))
    assert cases[0] == cases[1]


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory and open files from /proc")
def test_ten_thousand_faulty_configs_leave_no_memory_and_no_file_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """The first thousand fill caches of imports, types and patterns; what grows after them is a leak."""
    codes: Counter[int] = Counter()
    start = time.monotonic()
    for seed in range(10_000):
        codes[check(seed, capsys)] += 1
        if seed == 1_000:
            memory, files = resident_mb(), len(os.listdir("/proc/self/fd"))
    growth = resident_mb() - memory
    with capsys.disabled():
        seconds = time.monotonic() - start
        sys.stdout.write(
            f"\n{codes.total()} cases, {codes[0]} parse, {codes.total() / seconds:.1f}/s, memory {growth:+.1f} MB\n"
        )
    assert len(os.listdir("/proc/self/fd")) == files
    assert growth < MAX_GROWTH_MB
