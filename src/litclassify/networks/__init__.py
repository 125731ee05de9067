from litclassify.networks.airbench import Airbench
from litclassify.networks.factory import Network, NetworkFactory
from litclassify.networks.input_check import check_input
from litclassify.networks.lenet import LeNet
from litclassify.networks.mlp import MLP
from litclassify.networks.resnet9 import ResNet9
from litclassify.networks.torchvision_network import TorchvisionNetwork

__all__ = ["MLP", "Airbench", "LeNet", "Network", "NetworkFactory", "ResNet9", "TorchvisionNetwork", "check_input"]
