"""fastai: DataLoaders from the folder and a Learner; `--stop_at` trains with its one-cycle schedule."""

from functools import partial

from fastai.callback.core import Callback, CancelFitException
from fastai.callback.schedule import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.optimizer import Adam
from fastai.vision.augment import CropPad, FlipItem, Normalize, PadMode, RandomCrop
from fastai.vision.data import ImageDataLoaders

from benchmarks.peers.training_task import LEARNING_RATE, MEAN, STD, TrainingTask, read_task, report

ONE_CYCLE_LR = 1e-2
# The constants of torch's Adam, in place of fastai's, where all peers are to compute alike.
TORCH_ADAM = partial(Adam, mom=0.9, sqr_mom=0.999, eps=1e-8, wd=0.0)


class StopAtAccuracy(Callback):
    """End training once the validation accuracy, the last column of the recorder, is as high as wanted."""

    order = 60  # After the Recorder, as fastai's own EarlyStoppingCallback.

    def __init__(self, task: TrainingTask) -> None:
        self.task = task

    def after_epoch(self) -> None:
        """Look at the last row."""
        if self.task.reached(self.recorder.values[-1][-1]):
            raise CancelFitException


def make_loaders(task: TrainingTask) -> ImageDataLoaders:
    """Images of both splits, normalised in batches."""
    # The central crop of the padded image, which validation takes, is the image.
    augmentation = [CropPad(40, pad_mode=PadMode.Reflection), RandomCrop(32), FlipItem()]
    return ImageDataLoaders.from_folder(
        task.data,
        train="train",
        valid="val",
        bs=task.batch_size,
        val_bs=task.batch_size,
        num_workers=task.workers,
        item_tfms=augmentation if task.augment else None,
        batch_tfms=Normalize.from_stats(MEAN, STD),
    )


def main() -> None:
    """Train and report."""
    task = read_task(stoppable=True)
    learner = Learner(
        make_loaders(task),
        task.build_network(),
        loss_func=CrossEntropyLossFlat(),
        opt_func=TORCH_ADAM if task.stop_at is None else Adam,
        metrics=accuracy,
        cbs=StopAtAccuracy(task),
        path=task.output,
    )
    if task.stop_at is None:
        learner.fit(task.epochs, LEARNING_RATE)
    else:
        learner.fit_one_cycle(task.epochs, ONE_CYCLE_LR)
    report(learner.recorder.values[-1][-1])


if __name__ == "__main__":
    main()
