"""Convolution and pooling as XLA should have them, channels last; knows nothing of layers, graphs or training."""

from kerato.kernels.choice import explain
from kerato.kernels.convolution import convolution, convolution_transpose, depthwise_convolution
from kerato.kernels.local import local_convolution
from kerato.kernels.moments import channel_affine, channel_moments
from kerato.kernels.pooling import average_pool, max_pool
from kerato.kernels.products import dense
from kerato.kernels.resampling import resample
from kerato.kernels.windows import output_length, output_lengths, transpose_length, transpose_lengths

__all__ = [
    "average_pool",
    "channel_affine",
    "channel_moments",
    "convolution",
    "convolution_transpose",
    "dense",
    "depthwise_convolution",
    "explain",
    "local_convolution",
    "max_pool",
    "output_length",
    "output_lengths",
    "resample",
    "transpose_length",
    "transpose_lengths",
]
