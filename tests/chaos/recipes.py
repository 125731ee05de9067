"""Short trainings of many kinds, which take all that can hold a state through a kill and back."""

from tests.conftest import SMALL

FOLDER = ["--data", "ImageFolder", "--data.root", "images", "--data.image_size", "16", "--data.cache", "null"]
LENET = ["--model.network", "LeNet", "--model.optimizer", "SGD", "--model.optimizer.lr", "0.02"]
QUIET = [
    *["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"],
    *["--trainer.accelerator", "cpu", "--trainer.log_every_n_steps", "1", "--early_stopping", "null"],
]
EVERY_3 = ["--checkpoint.every_n_train_steps", "3"]

RECIPES = {
    "the recipe of digits": [
        *["--config", "digits.yaml", *QUIET, "--checkpoint.every_n_train_steps", "7"],
        *["--trainer.max_epochs", "4", "--test_after_fit", "false"],
    ],
    "dropout and stochastic depth": [
        *["--data", "Digits", "--data.batch_size", "128", "--data.image_size", "32"],
        *[
            "--model.network",
            "TimmNetwork",
            "--model.network.name",
            "test_convnext",
            "--model.network.in_channels",
            "1",
        ],
        *["--model.network.drop_rate", "0.3", "--model.network.drop_path_rate", "0.3"],
        *["--model.optimizer", "AdamW", "--model.optimizer.lr", "0.003", *QUIET, *EVERY_3, "--trainer.max_epochs", "4"],
    ],
    "augmentation in workers, batch mixing, EMA": [
        *[*FOLDER, "--data.batch_size", "2", "--data.num_workers", "2", "--data.train_transform", "rand_augment"],
        *["--model.batch_mixing", "MixUpOrCutMix", "--trainer.callbacks+", "EMA", *LENET],
        *["--model.network.in_channels", "3", *QUIET, *EVERY_3, "--trainer.max_epochs", "6"],
    ],
    "accumulated gradients, one-cycle, clipping, balanced classes": [
        *["--data", "Digits", "--data.batch_size", "32", "--data.class_balance", "0.7"],
        *["--trainer.accumulate_grad_batches", "3", "--trainer.gradient_clip_val", "0.5", *LENET],
        *["--model.optimizer.momentum", "0.9", "--model.lr_scheduler", "OneCycleLR"],
        *["--model.lr_scheduler.max_lr", "0.05", *QUIET, *EVERY_3, "--trainer.max_epochs", "5"],
    ],
    "validation within epochs, plateaus, early stopping": [
        *[*SMALL, "--data.batch_size", "64", "--trainer.val_check_interval", "0.25", "--trainer.max_epochs", "9"],
        *[
            "--model.lr_scheduler",
            "lightning.pytorch.cli.ReduceLROnPlateau",
            "--model.lr_scheduler.monitor",
            "val_loss",
        ],
        *["--model.lr_scheduler.patience", "0"],
        *["--early_stopping.patience", "12", "--trainer.log_every_n_steps", "1"],
    ],
    "Muon, parameter groups, SWA": [
        *["--data", "Digits", "--data.batch_size", "64", "--model.network", "LeNet", "--model.optimizer", "Muon"],
        *["--model.optimizer.lr", "0.003", "--model.optimizer.rest", "AdamW", "--model.optimizer.rest.lr", "0.003"],
        *["--model.parameter_groups", "ParameterGroups", "--trainer.callbacks+", "SWA"],
        *["--trainer.callbacks.start", "0.4", *QUIET, *EVERY_3, "--trainer.max_epochs", "5"],
    ],
    "half precision, an unfreezing backbone, growing images": [
        *["--data", "Digits", "--data.batch_size", "64", "--data.image_size", "16"],
        *["--model.network", "ResNet9", "--model.network.in_channels", "1", "--model.network.width", "8"],
        *["--model.optimizer", "AdamW", "--model.optimizer.lr", "0.003", "--trainer.precision", "bf16-mixed"],
        *["--trainer.callbacks+", "BackboneFreezing", "--trainer.callbacks.freeze_epochs", "2"],
        *["--trainer.callbacks+", "ProgressiveResizing", "--trainer.callbacks.epochs", "3"],
        *[*QUIET, *EVERY_3, "--trainer.max_epochs", "5"],
    ],
}
