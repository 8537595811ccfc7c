"""Nets by name: the small ones of the book, and those that were trained on ImageNet, under Keras's names."""

from kerato.applications.lenet import LeNet5, concept_cnn
from kerato.applications.naming import named
from kerato.applications.small import NETS, Net, build, net_for, parameters
from kerato.applications.squeezenet import SqueezeNet

__all__ = ["NETS", "LeNet5", "Net", "SqueezeNet", "build", "concept_cnn", "named", "net_for", "parameters"]
