"""Lightning's loop over the batches of an epoch, that can begin in the middle of one, and validates between steps."""

from collections.abc import Iterator
from typing import Any, NoReturn, Protocol, cast, runtime_checkable

from lightning.pytorch import Trainer
from lightning.pytorch.loops.fetchers import _DataFetcher
from lightning.pytorch.loops.loop import _Loop
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop

from litclassify.callbacks.resuming.position import COUNTERS, Position, images_per_step


@runtime_checkable
class SkippingSampler(Protocol):
    """A sampler that can leave out samples that training has seen."""

    def skip(self, samples: int) -> None:
        """Leave out so many samples of this process, the first of the next pass."""


class ResumableEpochLoop(_TrainingEpochLoop):
    """Lightning's loop, which after a checkpoint from the middle of an epoch goes on with the batch that comes next.

    Lightning's own gives the first batches of the epoch again, and leaves as many of its last ones out:
    https://github.com/Lightning-AI/pytorch-lightning/issues/18125

    A validation that is due while gradients accumulate waits for the step of the optimizer, after which checkpoints are
    written: what is kept for a metric are the weights that had it.

    Args:
        replaced: The loop of the Trainer, in whose place it goes.
    """

    def __init__(self, replaced: _TrainingEpochLoop) -> None:
        super().__init__(replaced.trainer, replaced.min_steps, replaced.max_steps)
        self.__dict__.update(replaced.__dict__)  # Data have been attached to its validation loop.
        self.position: Position | None = None
        self._validation_waits = False
        self._is_left = False

    def start_at(self, position: Position) -> None:
        """Begin the next epoch that is run at a position.

        With another size of batches or number of processes, that is the last step that begins with or before the same
        image. In the middle of an epoch, Lightning calls no hook for its start a second time.
        """
        batch = int(min(position.images // images_per_step(self.trainer), self.trainer.num_training_batches - 1))
        batch -= batch % self.trainer.accumulate_grad_batches
        self.position = Position(position.epoch, batch, position.images)
        # Nothing is half done: what Lightning would do over again when it restarts has been done.
        _Loop.restarting.fset(self.trainer.fit_loop, False)  # type: ignore[attr-defined] # a property

    def leave(self) -> NoReturn:
        """End the training before the batch that begins; its epoch has no end until the training is resumed.

        Called from `on_train_batch_start`; the next hook is `on_train_end`.
        """
        self._is_left = True
        raise StopIteration

    def run(self, data_fetcher: _DataFetcher) -> None:
        """Run the batches of an epoch."""
        super().run(data_fetcher)
        if self._is_left:
            self._is_left = False
            raise StopIteration  # Which the loop over epochs takes for its end.

    def reset(self) -> None:
        """Count from the position, or from the start of an epoch."""
        if self.position is None or self.position.batch == 0:
            super().reset()
            return
        for name in COUNTERS:
            setattr(self.batch_progress.current, name, self.position.batch)

    def on_run_start(self, data_fetcher: _DataFetcher) -> None:
        """Fetch from the position on."""
        position, self.position = self.position, None
        if position is not None:
            skipped = skip_batches(self.trainer, position)
            # What is fetched ahead may be of another epoch: the loader began before the checkpoint was read.
            iter(data_fetcher)
            for _ in range(position.batch - skipped):
                next(cast(Iterator[Any], data_fetcher))
            data_fetcher.fetched = 0  # Lightning adds what was counted before.
        super().on_run_start(data_fetcher)

    def _should_check_val_fx(self, data_fetcher: _DataFetcher) -> bool:
        if not super()._should_check_val_fx(data_fetcher) and not self._validation_waits:
            return False
        ends = self._num_ready_batches_reached() or self.trainer.should_stop
        self._validation_waits = self._should_accumulate() and not ends
        return not self._validation_waits


def skip_batches(trainer: Trainer, position: Position) -> int:
    """Let the sampler leave out what an epoch has seen; give how many batches it does."""
    combined = trainer.fit_loop._combined_loader
    assert combined is not None
    loader = combined.flattened[0]
    sampler = getattr(loader, "sampler", None)
    if len(combined.flattened) > 1 or not isinstance(sampler, SkippingSampler):
        return 0
    sampler.skip(position.batch * (loader.batch_size or 1))
    return position.batch
