import jsonargparse
import pytest
import torch
import yaml
from torchvision import transforms as v1
from torchvision.transforms import v2

from litclassify.data.augmentation.transforms import TransformList, check_transforms, compose
from litclassify.errors import UserError

IMAGE = torch.arange(48, dtype=torch.uint8).view(3, 4, 4)
NORMALIZE = v2.Normalize([0.5], [0.5])


def test_transforms_apply_in_order():
    transform = compose([lambda image: image * 2, lambda image: image + 1])
    assert torch.equal(transform(IMAGE), IMAGE * 2 + 1)


def test_no_transforms_need_no_call():
    assert compose([]) is None


@pytest.mark.parametrize(
    "transforms",
    [
        [v2.Resize(8), NORMALIZE],
        [v1.Normalize([0.5], [0.5])],
        [v2.Compose([v2.Resize(8), NORMALIZE])],
        [v2.RandomApply([v2.Compose([NORMALIZE])])],
    ],
)
def test_normalize_is_refused_at_any_depth(transforms):
    with pytest.raises(UserError, match=r"data\.eval_transform holds a Normalize"):
        check_transforms(transforms, "data.eval_transform")


@pytest.mark.parametrize("transforms", [None, [], [v2.Resize(8), v2.ToDtype(torch.float32, scale=True)]])
def test_other_transforms_pass(transforms):
    check_transforms(transforms, "data.eval_transform")


def test_yaml_names_transforms_without_prefix():
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--transforms", type=TransformList)
    given = yaml.safe_load("""
        transforms:
        - class_path: RandomCrop
          init_args: {size: 4, padding: 1}
        - RandomHorizontalFlip
    """)
    parsed = compose(parser.instantiate(parser.parse_object(given)).transforms)
    direct = v2.Compose([v2.RandomCrop(4, padding=1), v2.RandomHorizontalFlip()])
    for seed in range(20):
        torch.manual_seed(seed)
        expected = direct(IMAGE)
        torch.manual_seed(seed)
        assert torch.equal(parsed(IMAGE), expected)
