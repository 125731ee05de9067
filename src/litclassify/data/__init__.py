from litclassify.data.cifar import CIFAR10, CIFAR100
from litclassify.data.datamodule import ImageDataModule
from litclassify.data.datasets import ImageDataset
from litclassify.data.digits import Digits
from litclassify.data.files import ImageFilesDataset
from litclassify.data.find_images import find_images
from litclassify.data.image_folder import ImageFolder
from litclassify.data.image_table import ImageTable
from litclassify.data.in_memory import ImageTensorDataset
from litclassify.data.mnist import MNIST, FashionMNIST
from litclassify.data.samplers import ShuffledSampler
from litclassify.data.transforms import TransformList

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "Digits",
    "FashionMNIST",
    "ImageDataModule",
    "ImageDataset",
    "ImageFilesDataset",
    "ImageFolder",
    "ImageTable",
    "ImageTensorDataset",
    "ShuffledSampler",
    "TransformList",
    "find_images",
]
