import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from litclassify.networks import LeNet


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 33, 47), (3, 224, 224)])
def test_any_image_from_8x8_gives_logits(shape):
    assert LeNet(10, in_channels=shape[0])(torch.rand(2, *shape)).shape == (2, 10)


def test_layers_have_the_widths_of_the_paper():
    layers = [m for m in LeNet(10).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert [layer.weight.shape[0] for layer in layers] == [6, 16, 120, 84, 10]


def test_handwritten_digits_are_learnt():
    digits = load_digits()
    images = torch.tensor(digits.images / 8 - 1, dtype=torch.float32).unsqueeze(1)
    targets = torch.tensor(digits.target)
    torch.manual_seed(0)
    test, train = torch.randperm(len(images)).split([360, len(images) - 360])
    network = LeNet(num_classes=10)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.003)
    for _ in range(30):
        for batch in train[torch.randperm(len(train))].split(64):
            loss = nn.functional.cross_entropy(network(images[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    predicted = network.eval()(images[test]).argmax(dim=1)
    assert (predicted == targets[test]).float().mean() >= 0.97
