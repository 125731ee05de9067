from litclassify.cli.hyperparameters import flat_hyperparameters


def test_classes_and_their_arguments_become_one_table() -> None:
    config = {
        "seed_everything": 3,
        "runs_dir": "left out",
        "model": {
            "class_path": "litclassify.models.ImageClassifier",
            "init_args": {
                "network": {"class_path": "litclassify.networks.LeNet", "init_args": {"width": 16}},
                "lr_scheduler": None,
            },
        },
        "data": {"class_path": "litclassify.data.Digits", "init_args": {"image_size": [8, 8]}},
        "trainer": {"max_epochs": 4, "devices": "left out"},
    }
    assert flat_hyperparameters(config) == {
        "seed_everything": 3,
        "model": "ImageClassifier",
        "model.network": "LeNet",
        "model.network.width": 16,
        "data": "Digits",
        "data.image_size": "[8, 8]",
        "trainer.max_epochs": 4,
    }
