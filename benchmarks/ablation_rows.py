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
EPOCHS = "--data.batch_size 128 --trainer.max_epochs 10"
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


GRADUALLY = "--trainer.callbacks.freeze_epochs 4 --trainer.callbacks.unfreeze_every_n_epochs 2"
MUON = "--model.optimizer Muon --model.optimizer.lr 0.01 --model.optimizer.rest AdamW --model.optimizer.rest.lr 0.005"
LION = "--model.optimizer timm.optim.Lion --model.optimizer.lr 0.0005 --model.optimizer.weight_decay 0.5"
ONE_CYCLE = "--model.lr_scheduler OneCycleLR --model.lr_scheduler.max_lr 0.2"

ABLATIONS = {
    # Optimization
    "`WarmupCosine`, against a constant rate": Ablation(PLAIN, f"{BASE} {EPOCHS} {SGD}"),
    "`WarmupPolynomial`, against `WarmupCosine`": Ablation(
        f"{BASE} {EPOCHS} {SGD} --model.lr_scheduler WarmupPolynomial --model.lr_scheduler.warmup 0.2"
    ),
    "`WarmupMultiStep`, against `WarmupCosine`": Ablation(
        f"{BASE} {EPOCHS} {SGD} --model.lr_scheduler WarmupMultiStep --model.lr_scheduler.milestones [0.5,0.75]"
    ),
    "`OneCycleLR`, against `WarmupCosine`": Ablation(f"{BASE} {EPOCHS} {SGD} {ONE_CYCLE}"),
    "warm-up, a fifth of the run": Ablation(PLAIN, PLAIN.replace("warmup 0.2", "warmup 0.0")),
    "AdamW, against SGD": Ablation(f"{BASE} {EPOCHS} {ADAMW} {SCHEDULE}"),
    "Muon, against SGD": Ablation(f"{BASE} {EPOCHS} {MUON} {SCHEDULE}"),
    "Lion, against SGD": Ablation(f"{BASE} {EPOCHS} {LION} {SCHEDULE}"),
    "gradient clipping at 1": added("--trainer.gradient_clip_val 1.0"),
    "no weight decay on norms and biases": added("--model.parameter_groups ParameterGroups"),
    # Augmentation
    "`flip_crop`": Ablation(PLAIN, f"{PLAIN} --data.train_transform none"),
    "`flip_crop_erasing`, against `flip_crop`": added("--data.train_transform flip_crop_erasing"),
    "`trivial_augment`, against `flip_crop`": added("--data.train_transform trivial_augment"),
    "`rand_augment`, against `flip_crop`": added("--data.train_transform rand_augment"),
    "`aug_mix`, against `flip_crop`": added("--data.train_transform aug_mix"),
    "`ProgressiveResizing`, 4 of 10 epochs": added(
        "--trainer.callbacks+ ProgressiveResizing --trainer.callbacks.epochs 4"
    ),
    "repeated augmentation, 3 times": added("--data.augmentation_repeats 3"),
    "`MixUp`": added("--model.batch_mixing MixUp"),
    "`CutMix`": added("--model.batch_mixing CutMix"),
    "`MixUpOrCutMix`": added("--model.batch_mixing MixUpOrCutMix"),
    "`MixUpOrCutMix`, off in the last 3 epochs": added(
        "--model.batch_mixing MixUpOrCutMix --model.batch_mixing.off_last_epochs 3"
    ),
    # Losses
    "label smoothing, 0.1": added("--model.criterion torch.nn.CrossEntropyLoss --model.criterion.label_smoothing 0.1"),
    "`BinaryCrossEntropy`": added("--model.criterion BinaryCrossEntropy"),
    "`FocalLoss`": added("--model.criterion FocalLoss"),
    # Averages and views
    "`EMA`, half-life of half an epoch": added("--trainer.callbacks+ EMA --trainer.callbacks.half_life_epochs 0.5"),
    "`SWA`, at a constant rate": Ablation(f"{BASE} {EPOCHS} {SGD} --trainer.callbacks+ SWA", f"{BASE} {EPOCHS} {SGD}"),
    "test-time augmentation, `Flip`": added("--model.test_time_augmentation Flip"),
    "test-time augmentation, `Shifts` and flips": added(
        "--model.test_time_augmentation Shifts --model.test_time_augmentation.flip true"
    ),
    # Classes of unequal size
    "`class_weights`, `Balanced`": added("--model.class_weights Balanced", images="long_tailed"),
    "`class_weights`, `EffectiveNumber`": added("--model.class_weights EffectiveNumber", images="long_tailed"),
    "`class_balance`, 0.5": added("--data.class_balance 0.5", images="long_tailed"),
    "`class_balance`, 1": added("--data.class_balance 1.0", images="long_tailed"),
    # Few images of new classes
    "`init_from`, against from scratch": Ablation(
        FINETUNE, FINETUNE.replace("--model.init_from {pretrained}", ""), images="few"
    ),
    "freezing the backbone for 4 of 20 epochs": added(
        "--trainer.callbacks+ BackboneFreezing --trainer.callbacks.freeze_epochs 4", FINETUNE, images="few"
    ),
    "gradual unfreezing": added(f"--trainer.callbacks+ BackboneFreezing {GRADUALLY}", FINETUNE, images="few"),
    "`layer_decay`, 0.7": added(
        "--model.parameter_groups ParameterGroups --model.parameter_groups.layer_decay 0.7", FINETUNE, images="few"
    ),
    "`head_lr_scale`, 10": added(
        "--model.parameter_groups ParameterGroups --model.parameter_groups.head_lr_scale 10", FINETUNE, images="few"
    ),
}
