import litclassify.cli.application  # noqa: F401 - defaults are those of imported classes, and it imports ours
from litclassify.cli.config.hyperparameters import flat_hyperparameters


def test_the_table_holds_what_differs_from_the_defaults_and_what_runs_are_compared_by() -> None:
    config = {
        "seed_everything": 3,
        "runs_dir": "left out",
        "model": {
            "class_path": "litclassify.models.ImageClassifier",
            "init_args": {
                "network": {"class_path": "litclassify.networks.LeNet", "init_args": {"width": 8}},
                "optimizer": {
                    "class_path": "torch.optim.AdamW",
                    "init_args": {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-6, "weight_decay": 0.01},
                },
                "criterion": {"class_path": "torch.nn.CrossEntropyLoss", "init_args": {"label_smoothing": 0.1}},
                "lr_scheduler": None,
                "lr_interval": "auto",
            },
        },
        "data": {
            "class_path": "litclassify.data.Digits",
            "init_args": {"image_size": [9, 9], "batch_size": 64, "seed": 0},
        },
        "trainer": {"max_epochs": 4, "max_steps": -1, "precision": None, "devices": "left out"},
    }
    assert flat_hyperparameters(config) == {
        "seed_everything": 3,
        "model.network": "LeNet",
        "model.network.width": 8,
        "model.optimizer": "AdamW",
        "model.optimizer.lr": 0.001,
        "model.optimizer.eps": 1e-6,
        "model.criterion.label_smoothing": 0.1,
        "data": "Digits",
        "data.image_size": "[9, 9]",
        "data.batch_size": 64,
        "trainer.max_epochs": 4,
        "trainer.precision": "32-true",
    }


def test_what_is_not_the_default_is_named() -> None:
    config = {
        "model": {
            "class_path": "mine.Classifier",
            "init_args": {"criterion": {"class_path": "torch.nn.MultiMarginLoss", "init_args": {"margin": 1.0}}},
        },
        "trainer": {"precision": "bf16-mixed", "accumulate_grad_batches": 2},
    }
    assert flat_hyperparameters(config) == {
        "model": "Classifier",
        "model.criterion": "MultiMarginLoss",
        "trainer.precision": "bf16-mixed",
        "trainer.accumulate_grad_batches": 2,
    }
