"""What is said of a checkpoint that does not go with a run."""

import pytest
from torch import nn

from litclassify.cli.checkpoints.checks import weights_do_not_fit


def blocks(num_blocks: int, width: int) -> nn.Module:
    """A network whose parameters have names as long as those of real ones."""
    return nn.Sequential(*(nn.ModuleDict({f"a_block_of_the_backbone_{'x' * 99}": nn.Linear(width, 2)}),) * num_blocks)


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        (blocks(9, 3), 'Missing key(s) in state_dict: "1.a_block', 'x.weight" and 15 more.'),
        (blocks(1, 4), "size mismatch for 0.a_block", "the shape in current model is torch.Size([2, 4])."),
    ],
)
def test_the_first_difference_is_said_as_a_whole(given: nn.Module, start: str, end: str) -> None:
    with pytest.raises(RuntimeError) as refusal:
        given.load_state_dict(blocks(1, 3).state_dict())
    first = str(weights_do_not_fit(str(refusal.value))).splitlines()[0]
    assert first.removeprefix("--ckpt_path: its weights do not fit model.network: ").startswith(start)
    assert first.endswith(end)
