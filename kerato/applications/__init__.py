"""Nets by name: the small ones of the book, and those that were trained on ImageNet, under Keras's names."""

from kerato.applications.lenet import LeNet5, concept_cnn
from kerato.applications.mobilenet import MobileNet
from kerato.applications.mobilenet_v2 import MobileNetV2
from kerato.applications.naming import named
from kerato.applications.resnet import ResNet50
from kerato.applications.small import NETS, Net, build, net_for, parameters
from kerato.applications.squeezenet import SqueezeNet
from kerato.applications.vgg16 import VGG16
from kerato.applications.vgg19 import VGG19

__all__ = [
    "NETS",
    "VGG16",
    "VGG19",
    "LeNet5",
    "MobileNet",
    "MobileNetV2",
    "Net",
    "ResNet50",
    "SqueezeNet",
    "build",
    "concept_cnn",
    "named",
    "net_for",
    "parameters",
]
