"""Two processes on the CPU."""

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import beta, kstest
from tests.conftest import REPOSITORY, SMALL

from litclassify.data import CIFAR10

RAND_AUGMENT = ["--data.train_transform", "rand_augment"]
DDP = ["--trainer.strategy", "ddp", "--trainer.devices", "2"]


TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def launch(*words: str, launcher: Sequence[str] = ()) -> None:
    subprocess.run([sys.executable, *launcher, REPOSITORY / "main.py", *words], check=True, timeout=240)


def metrics() -> dict[str, float]:
    (path,) = Path("runs").glob("*/*/metrics.json")
    return json.loads(path.read_text())


def predictions() -> list[tuple[str, str, str]]:
    (path,) = Path("runs").glob("*/*/test_predictions.csv")
    with path.open() as file:
        return [(row["path"], row["target"], row["label"]) for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_processes_share_a_run_and_count_every_image_once() -> None:
    launch("fit", *SMALL, *DDP, "--test_after_fit", "true")
    together, first = metrics(), predictions()
    launch("test", "--ckpt_path", "best", "--trainer.devices", "1")
    alone, second = metrics(), predictions()
    # 359 images: shared out with repetition, one would count twice.
    assert together["test_acc"] == alone["test_acc"]
    assert together == pytest.approx(alone, rel=1e-5)
    assert first == second


@pytest.mark.slow
def test_processes_that_torchrun_starts_share_a_run() -> None:
    launch("fit", *SMALL, *DDP, "--test_after_fit", "true", launcher=TORCHRUN)
    metrics()
    (run,) = Path("runs").glob("*/*")
    shutil.copy(run / "checkpoints" / "last.ckpt", "exported.ckpt")
    launch("predict", "--ckpt_path", "exported.ckpt", "--run_name", "elsewhere", *DDP, launcher=TORCHRUN)
    (predictions,) = Path("runs/elsewhere").glob("*/predictions.csv")
    assert len(predictions.read_text().splitlines()) == 360


@pytest.mark.slow
def test_two_processes_predict_in_order() -> None:
    launch("fit", *SMALL)
    for name, words in {"together": DDP, "alone": []}.items():
        launch("predict", "--ckpt_path", "best", "--output", f"{name}.csv", *words)
    rows = {name: list(csv.DictReader(Path(f"{name}.csv").read_text().splitlines())) for name in ("together", "alone")}
    assert [row["path"] for row in rows["together"]] == [f"test/{i}" for i in range(359)]
    assert [row["label"] for row in rows["together"]] == [row["label"] for row in rows["alone"]]


@pytest.mark.slow
def test_two_processes_explain_as_one_does() -> None:
    lenet = ["--model.network", "LeNet", "--model.optimizer", "AdamW", "--model.optimizer.lr", "0.01"]
    launch("fit", *SMALL, *lenet)
    pictures = {}
    for name, words in {"together": DDP, "alone": ["--trainer.devices", "1"]}.items():
        launch("predict", "--ckpt_path", "best", "--output", f"{name}.csv", "--explain", name, *words)
        launch("test", "--ckpt_path", "best", *words)
        report = sorted(Path("runs").glob("*/*/report/*explained.png"))
        assert [path.stem for path in report] == ["confident_mistakes_explained", "worst_predictions_explained"]
        seen = {path.name: np.asarray(Image.open(path)) for path in [*report, *Path(name).iterdir()]}
        pictures[name] = seen
    assert pictures["together"].keys() == pictures["alone"].keys()
    assert len(pictures["alone"]) == 359 + 2
    for name, picture in pictures["alone"].items():
        # Batches of other sizes round otherwise.
        assert (np.abs(picture.astype(int) - pictures["together"][name]) > 8).mean() < 0.01, name


SEEN = """
import torch
from lightning.pytorch import Callback
class SeenTargets(Callback):
    def on_train_start(self, trainer, model):
        self.seen = []
    def on_train_batch_end(self, trainer, model, outputs, batch, batch_idx):
        self.seen.append(batch)
    def on_train_end(self, trainer, model):
        images, targets = map(torch.cat, zip(*self.seen))
        torch.save({"images": images, "targets": targets}, f"seen{trainer.global_rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_share_balanced_classes_and_repeated_images(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("seen.py").write_text(SEEN)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
    words = [*SMALL, *DDP, "--allow_import", "seen", "--trainer.callbacks+=seen.SeenTargets"]
    words += ["--trainer.max_epochs", "1", "--data.val_split", "0.4", "--data.class_balance", "1"]
    launch("fit", *words)
    shares = [torch.load(f"seen{rank}.pt")["targets"] for rank in range(2)]
    assert [len(share) for share in shares] == [360, 360]  # Of 719.
    assert (torch.bincount(torch.cat(shares)) - 72).abs().max() <= 1
    assert all(torch.bincount(share, minlength=10).min() > 15 for share in shares)

    launch("fit", *words, "--data.class_balance", "0", "--data.augmentation_repeats", "2", *RAND_AUGMENT)
    first, second = (torch.load(f"seen{rank}.pt") for rank in range(2))
    assert torch.equal(first["targets"], second["targets"])  # Each process has a copy of every image.
    alike = (first["images"] == second["images"]).flatten(1).all(dim=1)
    assert alike.float().mean() < 0.2


SHARES = """
import torch
from lightning.pytorch import Callback
class SeenShares(Callback):
    def on_train_start(self, trainer, model):
        self.seen = []
    def on_train_batch_end(self, trainer, model, outputs, batch, batch_idx):
        targets = batch[1]
        own = model.mixed(batch, batch_idx)[1].gather(1, targets[:, None])[:, 0]
        self.seen.append(own.masked_fill(targets == targets.roll(1), torch.nan))  # Nobody can tell from the target.
    def on_train_end(self, trainer, model):
        torch.save(torch.cat(self.seen), f"shares{trainer.global_rank}.pt")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("mixing", "alpha"), [("MixUp", 0.2), ("MixUp", 1.0), ("CutMix", 1.0)])
def test_two_processes_draw_their_own_shares(mixing: str, alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("shares.py").write_text(SHARES)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
    words = [*SMALL, *DDP, "--allow_import", "shares", "--trainer.callbacks+=shares.SeenShares"]
    words += ["--model.batch_mixing", mixing, "--model.batch_mixing.alpha", str(alpha)]
    launch("fit", *words, "--model.batch_mixing.per_image", "true")
    drawn = np.stack([torch.load(f"shares{rank}.pt").double().numpy() for rank in range(2)])
    seen = ~np.isnan(drawn)
    for shares in (process[of_process] for process, of_process in zip(drawn, seen, strict=True)):
        assert len(shares) > 1000  # Two epochs of 629 images, a tenth of which is mixed with one of its own class.
        if mixing == "MixUp":  # What a box has outside the image is lost to the share.
            assert kstest(shares, beta(alpha, alpha).cdf).pvalue > 0.01
    # The draws for the same place in the same batch: 0.1 is three standard deviations.
    assert abs(np.corrcoef(drawn[:, seen.all(axis=0)])[0, 1]) < 0.1


TINY = """
from litclassify.data import CIFAR10
class Tiny(CIFAR10):
    url = "{url}"
    md5 = "{md5}"
"""


@pytest.mark.slow
def test_processes_of_torchrun_that_count_classes_download_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "served").mkdir()
    with tarfile.open(tmp_path / "served" / "tiny.tar.gz", "w:gz") as archive:
        for name in (*CIFAR10.train_files, *CIFAR10.test_files):
            records = np.random.default_rng(0).integers(0, 256, (20, 3073), dtype=np.uint8)
            records[:, 0] = np.arange(20) % 10
            member = tarfile.TarInfo(f"{CIFAR10.folder}/{name}")
            member.size = records.nbytes
            archive.addfile(member, io.BytesIO(records.tobytes()))
    md5 = hashlib.md5((tmp_path / "served" / "tiny.tar.gz").read_bytes()).hexdigest()
    asked: list[tuple[object, ...]] = []

    class SlowHandler(SimpleHTTPRequestHandler):
        def log_message(self, _: str, *request: object) -> None:
            asked.append(request)
            time.sleep(2)  # By then, both processes have begun.

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SlowHandler, directory=str(tmp_path / "served"))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/tiny.tar.gz"
        type("Tiny", (CIFAR10,), {"url": url, "md5": md5})(root="alone").prepare_data()
        requests_of_a_download = len(asked)
        Path("tiny.py").write_text(TINY.format(url=url, md5=md5))
        monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
        words = [*SMALL, *DDP, "--allow_import", "tiny", "--data", "tiny.Tiny", "--data.val_split", "10"]
        words += ["--model.network.in_features", "3072", "--model.class_weights", "Balanced"]
        launch("fit", *words, launcher=TORCHRUN)
        server.shutdown()
    assert len(asked) == 2 * requests_of_a_download
