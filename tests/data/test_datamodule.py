import os
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningCLI
from torchvision.transforms import v2

from litclassify.data import MNIST, Digits, ImageFolder
from litclassify.data.decoding.reading import usable_cpus
from litclassify.errors import UserError


class Recorder(LightningModule):
    """Learns nothing, and remembers the targets that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[list[int]] = []

    def training_step(self, batch, batch_idx):
        images, targets = batch
        if batch_idx == 0:
            self.seen.append([])
        self.seen[-1] += targets.tolist()
        return self.weight * images.float().mean()

    def validation_step(self, batch):
        pass

    def predict_step(self, batch):
        return batch[1]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def quiet_trainer(tmp_path: Path, **kwargs: object) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(default_root_dir=tmp_path, accelerator="cpu", **(quiet | kwargs))


def epoch_targets(data: Digits, epoch: int) -> list[int]:
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return torch.cat([targets for _, targets in loader]).tolist()


def test_facts_are_known_before_setup():
    data = Digits()
    assert data.class_names == list("0123456789")
    assert data.num_classes == 10
    assert (len(data.mean), len(data.std)) == (1, 1)
    assert data.image_shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("kwargs", "shape"),
    [
        ({"image_size": 16}, (1, 16, 16)),
        ({"image_size": (10, 12)}, (1, 10, 12)),
        ({"eval_transform": [v2.CenterCrop(6)]}, (1, 6, 6)),
        ({"image_size": 16, "eval_transform": [v2.Pad(2), v2.RGB()]}, (3, 20, 20)),
    ],
)
def test_image_shape_is_that_of_evaluation_batches(kwargs, shape):
    data = Digits(**kwargs)
    assert data.image_shape == shape
    images, _ = next(iter(data.val_dataloader()))
    assert images.shape == (64, *shape)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (v2.FiveCrop(4), "must give one image.* gives a tuple"),
        (v2.Lambda(lambda image: image[0]), r"must give one image.* gives \(8, 8\)"),
        (v2.ToPILImage(), "must give one image.* gives a Image"),
        (v2.Pad(20, padding_mode="reflect"), r"fails on .*, \(1, 8, 8\) .*: .*[Pp]adding size"),
        (v2.RandomCrop(20), r"fails on .*, \(1, 8, 8\) .*: Required crop size"),
    ],
)
def test_transforms_that_give_no_image_are_refused(transform, message):
    with pytest.raises(UserError, match=rf"data\.eval_transform {message}"):
        Digits(eval_transform=[transform]).image_shape  # noqa: B018
    data = Digits(train_transform=[transform])
    with pytest.raises(UserError, match=rf"data\.train_transform {message}"):
        data.setup("fit")
    with pytest.raises(UserError, match=rf"data\.train_transform {message}"):
        next(iter(data.train_dataloader()))


@pytest.mark.parametrize(
    ("stage", "built"),
    [("fit", {"train", "val"}), ("validate", {"val"}), ("test", {"test"}), ("predict", {"test", "predict"})],
)
def test_setup_builds_only_what_the_stage_needs(stage, built):
    data = Digits()
    data.setup(stage)
    assert set(data._datasets) == built


def test_augmentation_touches_training_images_only():
    data = Digits(train_transform=[torch.zeros_like])
    assert all(not images.any() for images, _ in data.train_dataloader())
    plain = Digits()
    for name in ("val_dataloader", "test_dataloader", "predict_dataloader"):
        for (images, _), (expected, _) in zip(getattr(data, name)(), getattr(plain, name)(), strict=True):
            assert torch.equal(images, expected)


def test_batch_may_be_float_if_the_transform_says_so():
    images, _ = next(iter(Digits(eval_transform=[v2.ToDtype(torch.float32, scale=True)]).val_dataloader()))
    assert images.dtype == torch.float32
    assert images.max() == 1


def test_order_depends_on_the_global_seed_and_the_epoch(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "7")
    first, second = epoch_targets(Digits(), 0), epoch_targets(Digits(), 1)
    assert first == epoch_targets(Digits(), 0)
    assert first != second
    monkeypatch.setenv("PL_GLOBAL_SEED", "8")
    assert first != epoch_targets(Digits(), 0)


def test_order_is_the_same_for_any_number_of_workers(make_folder):
    root = make_folder({"cat": 13, "dog": 11})
    orders = [epoch_targets(ImageFolder(root, image_size=8, batch_size=4, num_workers=n), epoch=2) for n in (0, 1, 2)]
    assert orders[0] == orders[1] == orders[2]


def test_lightning_advances_the_epoch_of_the_order(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")
    model, data = Recorder(), Digits(num_workers=0)
    trainer = quiet_trainer(tmp_path, max_epochs=2, enable_checkpointing=False, num_sanity_val_steps=0)
    trainer.fit(model, datamodule=data)
    assert model.seen == [epoch_targets(Digits(), 0), epoch_targets(Digits(), 1)]


@pytest.mark.parametrize(("count", "batch_size", "batches"), [(9, 4, 2), (10, 4, 3), (8, 4, 2), (1, 4, 1), (5, 1, 5)])
def test_last_training_batch_is_dropped_only_if_it_is_a_single_image(count, batch_size, batches):
    data = Digits(batch_size=batch_size, val_split=1, test_split=1797 - 1 - count)
    loader = data.train_dataloader()
    assert len(loader) == len(list(loader)) == batches


def test_single_image_is_counted_per_device():
    data = Digits(batch_size=4)
    data.trainer = type("Two", (), {"world_size": 2})()
    assert [n for n in range(8, 20) if data._ends_with_a_single_image(n)] == [9, 10, 17, 18]


def test_evaluation_sees_every_image_in_order():
    data = Digits(batch_size=358)  # Of 359 test images.
    loader = data.test_dataloader()
    assert torch.equal(torch.cat([targets for _, targets in loader]), data._dataset("test").targets)


def test_auto_workers_are_none_in_memory_and_the_cpus_for_files(make_folder, make_image):
    expected = min(8, usable_cpus())
    assert Digits().train_dataloader().num_workers == 0
    assert Digits(path=make_image("photo.png")).predict_dataloader().num_workers == expected
    loader = ImageFolder(make_folder({"cat": 9, "dog": 9}), cache=None).train_dataloader()
    assert (loader.num_workers, loader.persistent_workers) == (expected, True)
    assert Digits(num_workers=2).train_dataloader().num_workers == 2


def test_auto_workers_are_the_cpus_where_a_gpu_waits_for_images_in_memory(monkeypatch, tmp_path):
    crop, on_cpu = [v2.RandomResizedCrop(8)], quiet_trainer(tmp_path)
    assert Digits(train_transform=crop).train_dataloader().num_workers == 0
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert Digits().train_dataloader().num_workers == 0
    data = Digits(train_transform=crop)
    assert data.train_dataloader().num_workers == min(8, usable_cpus())
    assert data.val_dataloader().num_workers == 0
    # The GPU of the machine is not that of every run.
    data.trainer = on_cpu
    assert data.train_dataloader().num_workers == 0
    # Where they are to lie on the accelerator, processes cannot reach them.
    assert Digits(train_transform=crop, device_resident=True).train_dataloader().num_workers == 0


def test_cpus_are_counted_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus() == 1


def test_prediction_is_on_the_test_set_without_a_path():
    dataset = Digits().predict_dataloader().dataset
    assert dataset.paths[17] == "test/17"
    assert dataset.targets.min() == 0


@pytest.mark.parametrize("image_size", [8, 20])
def test_prediction_on_files_brings_them_to_image_size(tmp_path: Path, make_image, image_size):
    paths = [
        make_image("photos/a.png", size=(30, 20), color="white"),
        make_image("photos/b.png", size=(9, 9)),
    ]
    data = Digits(path=str(tmp_path / "photos"), num_workers=0, image_size=image_size)
    images, targets = next(iter(data.predict_dataloader()))
    assert images.shape == (2, 1, image_size, image_size)
    assert [image.unique().tolist() for image in images] == [[255], [0]]
    assert targets.tolist() == [-1, -1]
    assert data.predict_dataloader().dataset.paths == paths


def test_prediction_on_files_downloads_nothing(tmp_path: Path, make_image, monkeypatch):
    monkeypatch.setattr(MNIST, "_download", lambda _: pytest.fail("downloads"))
    data = MNIST(root="nowhere", path=make_image("photo.png"), num_workers=0)
    assert quiet_trainer(tmp_path).predict(Recorder(), datamodule=data)[0].tolist() == [-1]


@pytest.mark.parametrize("stage", ["fit", "validate", "test"])
def test_a_path_where_nothing_is_predicted_warns(make_image, stage):
    data = Digits(path=make_image("photo.png"))
    with pytest.warns(UserWarning, match=r"data\.path='.*photo\.png' has no effect here: only predict reads it"):
        data.setup(stage)


LARGE, SMALL = [v2.Resize((16, 16))], [v2.Resize((8, 8))]


def test_training_images_of_another_size_than_is_asked_for_warn():
    said = r"data\.train_transform gives 8x8 images, but data\.image_size is 16x16 and validation sees 16x16"
    with pytest.warns(UserWarning, match=said):
        Digits(image_size=16, train_transform=SMALL).setup("fit")


@pytest.mark.parametrize(
    "transforms",
    [
        {"train_transform": LARGE},
        {"train_transform": [v2.RandomHorizontalFlip()]},
        {"train_transform": SMALL, "eval_transform": SMALL},
        {"eval_transform": SMALL},
    ],
)
def test_sizes_that_are_asked_for_are_silent(transforms):
    Digits(image_size=16, **transforms).setup("fit")


@pytest.mark.slow
def test_sizes_that_differ_are_explained_by_workers_too(make_folder, make_image):
    root = make_folder({"cat": 9, "dog": 9})
    make_image("root/cat/large.png", size=(50, 50))
    data = ImageFolder(root, train_transform=[], num_workers=1)
    with pytest.raises(UserError, match=r"data\.train_transform there are \(3, \d+, \d+\)"):
        list(data.train_dataloader())


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"batch_size": 0}, r"data\.batch_size must be at least 1, got 0"),
        ({"num_workers": -1}, r"data\.num_workers must be at least 0, got -1"),
        ({"image_size": 0}, r"data\.image_size must be positive"),
        ({"image_size": (8, -8)}, r"data\.image_size must be positive"),
        ({"seed": -1}, r"data\.seed must be from 0"),
        ({"seed": 2**32}, r"data\.seed must be from 0"),
        ({"train_transform": [v2.Normalize([0.5], [0.5])]}, r"data\.train_transform holds a Normalize"),
        ({"eval_transform": [v2.Normalize([0.5], [0.5])]}, r"data\.eval_transform holds a Normalize"),
    ],
)
def test_wrong_arguments_are_refused_at_once(kwargs, message):
    with pytest.raises(UserError, match=message):
        Digits(**kwargs)


# Lightning 2.6 calls API that jsonargparse 4.49 deprecates.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")
def test_command_line_stores_transforms_as_they_were_configured(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["main.py"])
    args = {"data": {"eval_transform": [{"class_path": "CenterCrop", "init_args": {"size": 6}}]}}
    options = {"run": False, "save_config_callback": None, "seed_everything_default": False}
    data = LightningCLI(Recorder, Digits, args=args, **options).datamodule
    (stored,) = data.hparams["eval_transform"]
    assert stored == {"class_path": "torchvision.transforms.v2.CenterCrop", "init_args": {"size": 6}}
    assert data.image_shape == (1, 6, 6)


@pytest.mark.parametrize(("device", "pins"), [("cpu", False), ("cuda", True), (None, True)])
def test_memory_is_pinned_for_cuda_devices_alone(tmp_path: Path, monkeypatch, device, pins):
    data = Digits(device_resident=False)
    if device is not None:
        data.trainer = quiet_trainer(tmp_path)
        monkeypatch.setattr(type(data.trainer.strategy), "root_device", torch.device(device))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert data.val_dataloader().pin_memory == pins


def test_checkpoint_holds_plain_hyperparameters(tmp_path: Path):
    data = Digits(val_split=0.3, train_transform=[v2.RandomRotation(5)], num_workers=0)
    trainer = quiet_trainer(tmp_path, max_steps=1, limit_val_batches=0)
    trainer.fit(Recorder(), datamodule=data)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    stored = torch.load(tmp_path / "model.ckpt", weights_only=True)["datamodule_hyper_parameters"]
    assert stored == {
        "val_split": 0.3,
        "test_split": 0.2,
        "image_size": 8,
        "device_resident": "auto",
        "batch_size": 64,
        "num_workers": 0,
        "eval_transform": None,
        "seed": 0,
        "val_fold": None,
        "path": None,
        "class_balance": 0.0,
        "augmentation_repeats": 1,
    }
