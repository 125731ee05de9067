"""A run, TensorBoard on it, and headless Chromium to look at them."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from litclassify.cli import main
from tests.browser.page import Page

SCREENSHOTS = os.environ.get("SCREENSHOTS")
START_S = 120
WATCH = """
trainer:
  callbacks+:
    - class_path: ValidationReport
    - class_path: WeightHistograms
    - class_path: NetworkGraph
    - class_path: EmbeddingProjector
"""
LENET = [
    *("--data", "Digits", "--model.network", "LeNet", "--model.optimizer", "AdamW", "--model.optimizer.lr", "0.003"),
    *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", "--run_name", "digits"),
]
CHROMIUM = [
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1400,1000"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # The projector draws with WebGL.
]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a run of digits with a test, and with all that TensorBoard can show."""
    folder = tmp_path_factory.mktemp("browser")
    before = Path.cwd()
    os.chdir(folder)
    Path("watch.yaml").write_text(WATCH)
    main(["fit", *LENET, "--trainer.max_epochs", "5", "--test_after_fit", "true", "--config", "watch.yaml"])
    os.chdir(before)
    (run,) = folder.glob("runs/*/*")
    return run


@pytest.fixture(scope="session")
def tensorboard(run: Path) -> Iterator[str]:
    """Give the address of TensorBoard."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    words = ["--logdir", str(run.parent.parent), "--host", "localhost", "--port", str(port)]
    with (run / "tensorboard.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", *words], stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://localhost:{port}/"
    try:
        _wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            urlopen(address).close()
        except URLError:
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"TensorBoard does not answer at {address}")


@pytest.fixture(scope="session")
def page() -> Iterator[Page]:
    """Give a browser; skip where there is none."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in CHROMIUM:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield Page(browser, Path(SCREENSHOTS) if SCREENSHOTS else None)
    finally:
        browser.quit()
