"""What benchmarks.ablations compares: words of the command line with and without an ingredient."""

from dataclasses import dataclass

# ResNet-9 on few images, so that a run takes a minute.
BASE = """
    --data ImageFolder --data.image_size 32 --data.batch_size 128 --data.num_workers 0
    --model.network ResNet9 --model.network.width 16 --model.channels_last true
    --trainer.precision bf16-mixed --trainer.accelerator cpu --trainer.max_epochs 12
    --early_stopping null --checkpoint.save_top_k 1 --test_after_fit true
    --trainer.enable_progress_bar false --trainer.enable_model_summary false
"""
SGD = """
    --model.optimizer SGD --model.optimizer.lr 0.2 --model.optimizer.momentum 0.9 --model.optimizer.nesterov true
    --model.optimizer.weight_decay 0.0005
"""
SCHEDULE = "--model.lr_scheduler WarmupCosine --model.lr_scheduler.warmup 0.2 --model.lr_interval step"
PLAIN = f"{BASE} {SGD} {SCHEDULE}"


@dataclass(frozen=True)
class Run:
    """A training: the words after `fit`, without data and seed, and the seed."""

    words: str
    seed: int


@dataclass(frozen=True)
class Ablation:
    """What a row compares: trainings with the ingredient, and without it."""

    with_it: str
    without: str = PLAIN

    def runs(self, seeds: int) -> tuple[list[Run], list[Run]]:
        """Give the runs without and with it, one for each seed."""
        sides = (" ".join(self.without.split()), " ".join(self.with_it.split()))
        without, with_it = ([Run(words, seed) for seed in range(seeds)] for words in sides)
        return without, with_it


def added(words: str) -> Ablation:
    """Give the ablation of words that are added to the plain recipe."""
    return Ablation(f"{PLAIN} {words}")


ABLATIONS = {
    "a schedule (WarmupCosine)": Ablation(PLAIN, f"{BASE} {SGD}"),
}
