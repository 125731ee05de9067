"""Programs that start the processes of a command."""

import os

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment


def is_one_of_several() -> bool:
    """Whether `torchrun` or `srun` has started this process beside others."""
    slurm = SLURMEnvironment.detect() and int(os.environ.get("SLURM_NTASKS", "1")) > 1
    return TorchElasticEnvironment.detect() or slurm
