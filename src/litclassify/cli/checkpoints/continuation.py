"""What becomes of a run when a training goes on in it."""

from collections.abc import Mapping
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from litclassify.cli.checkpoints.checkpoint import Checkpoint
from litclassify.cli.checkpoints.last import make_last
from litclassify.cli.runs.launch import mark_unfinished, save_record
from litclassify.cli.runs.logs import cut_logs
from litclassify.files.log_files import log_files
from litclassify.models.schedule_checks import check_schedules_reach_the_end


class Continuation(Callback):
    """Lets a run forget what came after the checkpoint that it goes on from.

    That is done right before the first step or, where no step is left, before the end is logged: what is refused until
    then leaves the run as it was. It goes before all callbacks that log or write checkpoints.

    Args:
        run_dir: Directory of the run, in which this command has not yet logged anything.
        checkpoint: Where training goes on.
        record: What `save_record` takes.
    """

    def __init__(self, run_dir: Path, checkpoint: Checkpoint, record: Mapping[str, str]) -> None:
        self.run_dir = run_dir
        self.checkpoint = checkpoint.path
        self.next_step = checkpoint.next_step
        self.is_within_epoch = checkpoint.is_within_epoch
        self.record = record
        self._logs = log_files(run_dir)
        self._has_begun = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin with the first step.

        Raises:
            UserError: The schedule that the checkpoint has brought ends before training does.
        """
        check_schedules_reach_the_end(trainer)
        self._begin(within_epoch=self.is_within_epoch)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin where no step is left."""
        if not self._has_begun:
            self._begin(within_epoch=False)  # An epoch that was ended in its middle stays so.

    def _begin(self, *, within_epoch: bool) -> None:
        self._has_begun = True
        mark_unfinished(self.run_dir)
        make_last(self.checkpoint)
        if self.next_step is not None:
            cut_logs(self._logs, self.next_step, within_epoch=within_epoch)
        save_record(self.run_dir, "fit", **self.record)
