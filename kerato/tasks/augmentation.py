"""How much training pictures are varied: `none`, `light` or `strong`, as settings of `ImageDataGenerator`."""

from __future__ import annotations

from typing import Any, Final

from kerato.errors import unknown

LEVELS: Final[dict[str, dict[str, Any]]] = {
    "none": {},
    "light": {"width_shift_range": 0.1, "height_shift_range": 0.1, "zoom_range": 0.1},
    "strong": {
        "rotation_range": 15.0,
        "width_shift_range": 0.15,
        "height_shift_range": 0.15,
        "zoom_range": 0.25,
        "brightness_range": (0.7, 1.3),
    },
}


def generator(level: str, colour: bool) -> Any:
    """The `ImageDataGenerator` of a level, None for `none`; colour pictures are mirrored too, digits must not be.

    Raises:
        UnknownName: there is no such level.
    """
    if level not in LEVELS:
        raise unknown("train", "the level of augmentation", level, LEVELS)
    if level == "none":
        return None
    from kerato.data.generator import ImageDataGenerator

    return ImageDataGenerator(**LEVELS[level], horizontal_flip=colour, data_format="channels_last")
