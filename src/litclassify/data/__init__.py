from litclassify.data.augmentation.transforms import TransformList, compose
from litclassify.data.cifar import CIFAR10, CIFAR100
from litclassify.data.datamodule import ImageDataModule
from litclassify.data.datasets.files import ImageFilesDataset
from litclassify.data.datasets.image_dataset import ImageDataset
from litclassify.data.datasets.in_memory import ImageTensorDataset
from litclassify.data.digits import Digits
from litclassify.data.image_folder import ImageFolder
from litclassify.data.image_table import ImageTable
from litclassify.data.listing.find_images import find_images
from litclassify.data.mnist import MNIST, FashionMNIST
from litclassify.data.samplers import ShuffledSampler

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
    "compose",
    "find_images",
]
