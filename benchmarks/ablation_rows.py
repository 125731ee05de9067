"""What benchmarks.ablations compares: words of the command line with and without an ingredient."""

from dataclasses import dataclass
from typing import Literal

Images = Literal["balanced", "long_tailed", "few"]
"""Training images, of ten classes: 500 of each; from 500 down to 5; or, of five classes, 20 of each."""

# ResNet-9 on few images, so that a run takes a minute.
BASE = """
    --data ImageFolder --data.image_size 32 --data.num_workers 0
    --model.network ResNet9 --model.network.width 16 --model.channels_last true
    --trainer.precision bf16-mixed --trainer.accelerator cpu
    --early_stopping null --checkpoint.save_top_k 1 --test_after_fit true
    --trainer.enable_progress_bar false --trainer.enable_model_summary false
"""
EPOCHS = "--data.batch_size 128 --trainer.max_epochs 15"
SGD = """
    --model.optimizer SGD --model.optimizer.lr 0.2 --model.optimizer.momentum 0.9 --model.optimizer.nesterov true
    --model.optimizer.weight_decay 0.0005
"""
ADAMW = "--model.optimizer AdamW --model.optimizer.lr 0.005 --model.optimizer.weight_decay 0.05"
SCHEDULE = "--model.lr_interval step --model.lr_scheduler WarmupCosine --model.lr_scheduler.warmup 0.2"
PLAIN = f"{BASE} {EPOCHS} {SGD} {SCHEDULE}"
# {pretrained} is a checkpoint of a network that was trained on the other five classes.
FINETUNE = f"""
    {BASE} --data.batch_size 20 --trainer.max_epochs 20 --model.init_from {{pretrained}}
    --model.optimizer SGD --model.optimizer.lr 0.02 --model.optimizer.momentum 0.9 {SCHEDULE}
"""


@dataclass(frozen=True)
class Run:
    """A training: the words after `fit`, without data and seed, the images, and the seed."""

    words: str
    images: Images
    seed: int


@dataclass(frozen=True)
class Ablation:
    """What a row compares: trainings with the ingredient, and without it."""

    with_it: str
    without: str = PLAIN
    images: Images = "balanced"

    def runs(self, seeds: int) -> tuple[list[Run], list[Run]]:
        """Give the runs without and with it, one for each seed."""
        sides = (" ".join(self.without.split()), " ".join(self.with_it.split()))
        without, with_it = ([Run(words, self.images, seed) for seed in range(seeds)] for words in sides)
        return without, with_it


def added(words: str, to: str = PLAIN, images: Images = "balanced") -> Ablation:
    """Give the ablation of words that are added to a recipe."""
    return Ablation(f"{to} {words}", to, images)


ABLATIONS = {
    "a schedule (WarmupCosine)": Ablation(PLAIN, f"{BASE} {EPOCHS} {SGD}"),
}
