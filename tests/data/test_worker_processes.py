import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import every

# What is registered last comes first: this waits where the workers have been ended, and Python has not joined them yet.
LEFT_OPEN = """
import atexit, multiprocessing.util, time
atexit.register(time.sleep, 0.5)
from litclassify.data import ImageFolder

data = ImageFolder("images", train_transform=[], image_size=8, num_workers=1)
batches = iter(data.train_dataloader())
next(batches)
print("ends", flush=True)
{end}
"""


@pytest.mark.parametrize("end", every(2, ["", "raise RuntimeError"]))
def test_a_program_ends_though_its_loader_is_open(end: str, class_folders: Path) -> None:
    """It would wait for ever for processes that ignore the signal with which Python ends them, or tell of their end."""
    program = subprocess.run(
        [sys.executable, "-c", LEFT_OPEN.format(end=end)], capture_output=True, text=True, timeout=60, check=False
    )
    assert program.stdout == "ends\n"
    assert program.returncode == (1 if end else 0)
    assert "DataLoader worker" not in program.stderr


# What is registered first comes last.
HOST = """
import atexit, signal
def own(*_): pass
signal.signal(signal.SIGCHLD, own)
atexit.register(lambda: print(signal.getsignal(signal.SIGCHLD) is own))
from litclassify.data import ImageFolder

next(iter(ImageFolder("images", image_size=8, num_workers=0).train_dataloader()))
"""


@pytest.mark.slow
def test_a_program_without_worker_processes_is_left_alone(class_folders: Path) -> None:
    """What loads without them has no child to end, and the host program's own are its own."""
    program = subprocess.run([sys.executable, "-c", HOST], capture_output=True, text=True, timeout=60, check=True)
    assert program.stdout == "True\n"
