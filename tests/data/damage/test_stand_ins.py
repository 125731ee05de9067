import torch

from litclassify.data.damage.stand_ins import stand_ins


def test_the_next_of_the_class_come_first_and_the_image_itself_never() -> None:
    targets = torch.tensor([0, 1, 0, 0, 1, 0])
    assert list(stand_ins(targets, 2)) == [3, 5, 0]
    assert list(stand_ins(targets, 5)) == [0, 2, 3]
    assert list(stand_ins(torch.tensor([0, 1]), 1)) == []


def test_of_several_labels_those_with_the_same_come_before_all_others() -> None:
    targets = torch.tensor([[1, 0], [0, 1], [1, 1], [1, 0], [0, 0]], dtype=torch.bool)
    assert list(stand_ins(targets, 0)) == [3, 1, 2, 4]
    assert list(stand_ins(targets, 2)) == [3, 4, 0, 1]
