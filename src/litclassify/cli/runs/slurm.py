"""Jobs of SLURM, which come again when their time is over."""

import os
import subprocess

from lightning.pytorch.utilities import rank_zero_info


def requeue_job() -> None:
    """Ask SLURM to run the job of this process again; outside of a job, do nothing."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    try:
        subprocess.run(["scontrol", "requeue", job], check=True)  # noqa: S603, S607 - no shell; SLURM's own program
    except (OSError, subprocess.CalledProcessError) as error:
        rank_zero_info(f"SLURM did not take job {job} back: {error}")
    else:
        rank_zero_info(f"SLURM will run job {job} again.")
