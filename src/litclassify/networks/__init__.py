from litclassify.networks.airbench import Airbench
from litclassify.networks.dry_run import dry_run
from litclassify.networks.factory import Network, NetworkFactory
from litclassify.networks.input_check import check_input
from litclassify.networks.lenet import LeNet
from litclassify.networks.mlp import MLP
from litclassify.networks.resnet9 import ResNet9
from litclassify.networks.small_maps import hasten_small_maps, restore_convolutions
from litclassify.networks.stages import head_module_of, head_of, no_weight_decay_of, stages_of
from litclassify.networks.timm_network import TimmNetwork
from litclassify.networks.torchvision_network import TorchvisionNetwork

__all__ = [
    "MLP",
    "Airbench",
    "LeNet",
    "Network",
    "NetworkFactory",
    "ResNet9",
    "TimmNetwork",
    "TorchvisionNetwork",
    "check_input",
    "dry_run",
    "hasten_small_maps",
    "head_module_of",
    "head_of",
    "no_weight_decay_of",
    "restore_convolutions",
    "stages_of",
]
