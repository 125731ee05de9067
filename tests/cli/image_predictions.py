"""Words for predictions of images in folders."""

FOLDER = [
    *["--data", "ImageFolder", "--data.root", "images", "--data.image_size", "16", "--data.batch_size", "4"],
    *["--model.network", "LeNet", "--model.network.in_channels", "3", "--data.num_workers", "0"],
]
QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
PREDICT = ["predict", "--ckpt_path", "best", *QUIET]
