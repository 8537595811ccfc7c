"""What nets that were trained on ImageNet share: a table of them, Keras's arguments, and where weights come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerato import config, layers
from kerato.errors import BadFile, InvalidValue, invalid
from kerato.graph import Tensor
from kerato.models import Model

Body = Callable[[Any, int], Any]

#: the number of ImageNet's classes
CLASSES = 1000


@dataclass(frozen=True)
class Pretrained:
    """A row: the net's name, its convolutions, and what it takes to use it.

    `body` makes the convolutions on a tensor, given the channel axis; `head` what is between them and the answer.
    """

    name: str
    purpose: str
    side: int
    """Height and width of the pictures that it was trained on."""
    least: int
    """The smallest side."""
    mode: str
    """How pixels were prepared, see `imagenet_utils.preprocess_input`."""
    body: Callable[[Any], Any]
    head: Callable[[Any, int, Any], Any]
    mark: tuple[str, ...]
    """Names of layers in a file of weights that say that it is this net's."""
    top: str
    """The layer with the answers."""
    last: str
    """How the names of the layers begin that fine-tuning changes: the last block of convolutions."""


def assemble(
    row: Pretrained,
    include_top: bool,
    weights: Any,
    input_tensor: Any,
    input_shape: Sequence[int | None] | None,
    pooling: str | None,
    classes: int,
    classifier_activation: Any,
    name: str | None,
) -> Model:
    """The net of a row, with Keras 3's arguments.

    Raises:
        InvalidValue: an argument cannot be, or two of them exclude each other.
        BadFile: the weights cannot be found or do not fit.
    """
    if pooling not in (None, "avg", "max"):
        raise invalid(row.name, "pooling", "None, 'avg' or 'max'", pooling)
    if weights == "imagenet" and include_top and classes != CLASSES:
        raise InvalidValue(f"{row.name}: with weights='imagenet' and its top, `classes` must be 1000. Got {classes}.")
    given = _input(row, include_top, input_tensor, input_shape)
    x = row.body(given)
    if include_top:
        x = row.head(x, classes, classifier_activation)
    elif pooling is not None:
        kinds = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
        x = kinds[pooling](name=f"{pooling}_pool")(x)
    source = input_tensor if isinstance(input_tensor, Tensor) and input_tensor.node is None else given
    model = Model(source, x, name=name or row.name)
    if weights is not None:
        from kerato.applications.trained import load

        load(row, model, weights, include_top)
    return model


def _input(row: Pretrained, include_top: bool, tensor: Any, shape: Sequence[int | None] | None) -> Any:
    first = config.image_data_format() == "channels_first"
    sides = (row.side, row.side) if include_top else (None, None)
    wanted = tuple(shape) if shape is not None else ((3, *sides) if first else (*sides, 3))
    if len(wanted) != 3:
        raise invalid(row.name, "input_shape", "the shape of one picture, e.g. (224, 224, 3)", shape)
    height, width = wanted[1:] if first else wanted[:2]
    if include_top and None in (height, width):
        raise invalid(row.name, "input_shape", "a known size, since the top needs one", shape)
    if any(side is not None and side < row.least for side in (height, width)):
        raise invalid(row.name, "input_shape", f"at least {row.least} pixels a side", shape)
    return tensor if isinstance(tensor, Tensor) else layers.Input(wanted)


def axis_of_channels() -> int:
    """The channel axis of new layers, as `image_data_format` says."""
    return 1 if config.image_data_format() == "channels_first" else -1


def rows() -> dict[str, Pretrained]:
    """All nets of the table, by name."""
    from kerato.applications import squeezenet

    return {row.name: row for row in (squeezenet.ROW,)}


def row_for(path: Path) -> Pretrained:
    """The net whose weights a file holds, by the names of its layers.

    Raises:
        BadFile: it is no file of weights, or of no net of the table.
    """
    names = stored_names(path)
    for row in rows().values():
        if any(mark in names for mark in row.mark):
            return row
    raise BadFile(
        f"{path}: expected trained weights of one of the nets {', '.join(rows())}, and its layers are others. "
        "Name the net with --model, or another file."
    )


def stored_names(path: Path) -> set[str]:
    """The names of the layers in a file of weights in the layout of Keras 1 and 2; none of a file of another kind.

    Raises:
        BadFile: the file is missing or damaged.
    """
    from kerato.saving import archive, layered
    from kerato.saving.hdf5 import Stored

    if not archive.is_hdf5(archive.begins(path, "a file with weights")):
        return set()
    with Stored(str(path), str(path)) as stored:
        root = layered.root_of(stored)
        return set() if root is None else set(layered.groups_of(stored, root))
