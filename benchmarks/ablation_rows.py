"""What benchmarks.ablations compares: words of the command line with and without an ingredient."""

from dataclasses import dataclass
from typing import Literal

Images = Literal["balanced", "long_tailed", "few", "pretraining"]
"""Training images, of ten classes: 500 of each; from 500 down to 5; of five classes, 20 of each; or of the other five,
2,000 of each."""
Tested = Literal["best", "last", "average"]
"""Of a run: its best or its last checkpoint, or the average of all that it kept for their validation accuracy."""
Accelerator = Literal["cpu", "gpu"]

# ResNet-9 on few images, so that a run takes a minute.
BASE = """
    --data ImageFolder --data.image_size 32 --data.num_workers 0
    --model.network ResNet9 --model.network.width 16 --model.channels_last true
    --trainer.precision bf16-mixed
    --early_stopping null --checkpoint.save_top_k 1 --test_after_fit true
    --trainer.enable_progress_bar false --trainer.enable_model_summary false
"""
EPOCHS = "--data.batch_size 128 --trainer.max_epochs 10"
SGD = """
    --model.optimizer SGD --model.optimizer.lr 0.2 --model.optimizer.momentum 0.9 --model.optimizer.nesterov true
    --model.optimizer.weight_decay 0.0005
"""
ADAMW = "--model.optimizer AdamW --model.optimizer.lr 0.005 --model.optimizer.weight_decay 0.05"
MUON = "--model.optimizer Muon --model.optimizer.lr 0.01 --model.optimizer.rest AdamW --model.optimizer.rest.lr 0.005"
SCHEDULE = "--model.lr_interval step --model.lr_scheduler WarmupCosine --model.lr_scheduler.warmup 0.2"
PLAIN = f"{BASE} {EPOCHS} {SGD} {SCHEDULE}"
CONSTANT = f"{BASE} {EPOCHS} {SGD}"
AIRBENCH = f"{BASE} {EPOCHS} {MUON} {SCHEDULE}".replace("ResNet9 --model.network.width 16", "Airbench")
TEACHER = PLAIN.replace("width 16", "width 48").replace("max_epochs 10", "max_epochs 20")
# {pretrained} and {teacher} are checkpoints of trainings that come before, see Run.before.
FINETUNE = f"""
    {BASE} --data.batch_size 20 --trainer.max_epochs 20 --model.init_from {{pretrained}}
    --model.optimizer SGD --model.optimizer.lr 0.02 --model.optimizer.momentum 0.9 {SCHEDULE}
"""
DISTILLED = f"""
    --model DistilledClassifier {PLAIN} --model.teacher CheckpointTeacher --model.teacher.ckpt_path {{teacher}}
"""


def on_one_line(words: str) -> str:
    """Give words with one space between them, as results name them."""
    return " ".join(words.split())


@dataclass(frozen=True)
class Run:
    """A training: the words after `fit`, without data, seed and accelerator; these; and what of it is tested."""

    words: str
    images: Images
    seed: int
    accelerator: Accelerator = "cpu"
    tested: Tested = "best"

    def before(self) -> dict[str, "Run"]:
        """Give the trainings whose last checkpoints its words name."""
        trainings = {
            "pretrained": Run(on_one_line(PLAIN), "pretraining", 0, self.accelerator),
            "teacher": Run(on_one_line(TEACHER), self.images, self.seed, self.accelerator),
        }
        return {name: run for name, run in trainings.items() if f"{{{name}}}" in self.words}


@dataclass(frozen=True)
class Ablation:
    """What a row compares: trainings with the ingredient, and without it."""

    with_it: str
    without: str = PLAIN
    images: Images = "balanced"
    tested: Tested = "best"
    tested_without: Tested = "best"

    def runs(self, seeds: int, accelerator: Accelerator = "cpu") -> tuple[list[Run], list[Run]]:
        """Give the runs without and with it, one for each seed."""
        sides = ((self.without, self.tested_without), (self.with_it, self.tested))
        without, with_it = (
            [Run(on_one_line(words), self.images, seed, accelerator, tested) for seed in range(seeds)]
            for words, tested in sides
        )
        return without, with_it


def added(words: str, to: str = PLAIN, images: Images = "balanced") -> Ablation:
    """Give the ablation of words that are added to a recipe."""
    return Ablation(f"{to} {words}", to, images)


GRADUALLY = "--trainer.callbacks.freeze_epochs 4 --trainer.callbacks.unfreeze_every_n_epochs 2"
LION = "--model.optimizer timm.optim.Lion --model.optimizer.lr 0.0005 --model.optimizer.weight_decay 0.5"
ONE_CYCLE = "--model.lr_scheduler OneCycleLR --model.lr_scheduler.max_lr 0.2"
PLATEAU = """
    --model.lr_scheduler lightning.pytorch.cli.ReduceLROnPlateau --model.lr_scheduler.monitor val_loss
    --model.lr_scheduler.patience 1
"""
EMA = "--trainer.callbacks+ EMA --trainer.callbacks.half_life_epochs 0.5"
TOP_3 = "--checkpoint.save_top_k 3"
MIXING = "--model.batch_mixing MixUpOrCutMix"
MIX_UP, CUT_MIX = "--model.batch_mixing MixUp", "--model.batch_mixing CutMix"

ABLATIONS = {
    # Optimization
    "`WarmupCosine`, against a constant rate": Ablation(PLAIN, CONSTANT),
    "`WarmupPolynomial`, against `WarmupCosine`": Ablation(
        f"{CONSTANT} --model.lr_scheduler WarmupPolynomial --model.lr_scheduler.warmup 0.2"
    ),
    "`WarmupMultiStep`, against `WarmupCosine`": Ablation(
        f"{CONSTANT} --model.lr_scheduler WarmupMultiStep --model.lr_scheduler.milestones [0.5,0.75]"
    ),
    "`OneCycleLR`, against `WarmupCosine`": Ablation(f"{CONSTANT} {ONE_CYCLE}"),
    "`ReduceLROnPlateau`, patience 1, against a constant rate": added(PLATEAU, CONSTANT),
    "warm-up, a fifth of the run": Ablation(PLAIN, PLAIN.replace("warmup 0.2", "warmup 0.0")),
    "the rate of `find_lr`, against 0.2": added("--find_lr true"),
    "AdamW, against SGD": Ablation(f"{BASE} {EPOCHS} {ADAMW} {SCHEDULE}"),
    "Muon, against SGD": Ablation(f"{BASE} {EPOCHS} {MUON} {SCHEDULE}"),
    "Lion, against SGD": Ablation(f"{BASE} {EPOCHS} {LION} {SCHEDULE}"),
    "gradient clipping at 1": added("--trainer.gradient_clip_val 1.0"),
    "weight decay, 0.0005": Ablation(PLAIN, PLAIN.replace("weight_decay 0.0005", "weight_decay 0.0")),
    "no weight decay on norms and biases": added("--model.parameter_groups ParameterGroups"),
    "`bf16-mixed`, against `32-true`": Ablation(PLAIN, PLAIN.replace("bf16-mixed", "32-true")),
    "`PatchWhitening`, `Airbench` with Muon": added("--trainer.callbacks+ PatchWhitening", AIRBENCH),
    # Augmentation
    "`flip_crop`": Ablation(PLAIN, f"{PLAIN} --data.train_transform none"),
    "`flip_crop_erasing`, against `flip_crop`": added("--data.train_transform flip_crop_erasing"),
    "`trivial_augment`, against `flip_crop`": added("--data.train_transform trivial_augment"),
    "`rand_augment`, against `flip_crop`": added("--data.train_transform rand_augment"),
    "`trivial_augment_erasing`, against `trivial_augment`": Ablation(
        f"{PLAIN} --data.train_transform trivial_augment_erasing", f"{PLAIN} --data.train_transform trivial_augment"
    ),
    "`rand_augment_erasing`, against `rand_augment`": Ablation(
        f"{PLAIN} --data.train_transform rand_augment_erasing", f"{PLAIN} --data.train_transform rand_augment"
    ),
    "`aug_mix`, against `flip_crop`": added("--data.train_transform aug_mix"),
    "`ProgressiveResizing`, 4 of 10 epochs": added(
        "--trainer.callbacks+ ProgressiveResizing --trainer.callbacks.epochs 4"
    ),
    "repeated augmentation, 3 times": added("--data.augmentation_repeats 3"),
    "`MixUp`": added(MIX_UP),
    "`MixUp`, per image, against per batch": added("--model.batch_mixing.per_image true", f"{PLAIN} {MIX_UP}"),
    "`CutMix`": added(CUT_MIX),
    "`CutMix`, per image, against per batch": added("--model.batch_mixing.per_image true", f"{PLAIN} {CUT_MIX}"),
    "`MixUpOrCutMix`": added(MIXING),
    "`MixUpOrCutMix`, per image, against per batch": added("--model.batch_mixing.per_image true", f"{PLAIN} {MIXING}"),
    "`MixUpOrCutMix`, off in the last 3 epochs": added(f"{MIXING} --model.batch_mixing.off_last_epochs 3"),
    # Losses
    "label smoothing, 0.1": added("--model.criterion torch.nn.CrossEntropyLoss --model.criterion.label_smoothing 0.1"),
    "`BinaryCrossEntropy`": added("--model.criterion BinaryCrossEntropy"),
    "`FocalLoss`": added("--model.criterion FocalLoss"),
    # Averages, views and teachers
    "`EMA`, half-life of half an epoch": added(EMA),
    "`EMA`, likewise, at a constant rate": added(EMA, CONSTANT),
    "`SWA`, at a constant rate": Ablation(f"{BASE} {EPOCHS} {SGD} --trainer.callbacks+ SWA", CONSTANT),
    "`average` of the 3 best, against the best": Ablation(f"{PLAIN} {TOP_3}", tested="average"),
    "`average` of the 3 best, against the last": Ablation(f"{PLAIN} {TOP_3}", tested="average", tested_without="last"),
    "`average` of the 3 best, at a constant rate": Ablation(f"{CONSTANT} {TOP_3}", CONSTANT, tested="average"),
    "`DistilledClassifier`, from a network three times as wide, 20 epochs": Ablation(DISTILLED),
    "test-time augmentation, `Flip`": added("--model.test_time_augmentation Flip"),
    "test-time augmentation, `Shifts` and flips": added(
        "--model.test_time_augmentation Shifts --model.test_time_augmentation.flip true"
    ),
    # Classes of unequal size
    "`class_weights`, `Balanced`": added("--model.class_weights Balanced", images="long_tailed"),
    "`class_weights`, `Balanced`, with gradient clipping at 1": added(
        "--model.class_weights Balanced --trainer.gradient_clip_val 1.0", images="long_tailed"
    ),
    "`class_weights`, `EffectiveNumber`": added("--model.class_weights EffectiveNumber", images="long_tailed"),
    "`FocalLoss`, classes of unequal size": added("--model.criterion FocalLoss", images="long_tailed"),
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
