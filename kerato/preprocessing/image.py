"""Keras's names for augmentation on the CPU; the code lives in `kerato.data`."""

from kerato.data.affine import apply_affine_transform, apply_transform, transform_matrix_offset_center
from kerato.data.folder import list_pictures
from kerato.data.generator import ImageDataGenerator
from kerato.data.iterators import DirectoryIterator, Iterator, NumpyArrayIterator
from kerato.data.loading import array_to_img, img_to_array, load_img
from kerato.data.transforms import (
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)

__all__ = [
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "apply_transform",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "transform_matrix_offset_center",
]
