"""What nets that were trained on ImageNet share: a table of them, Keras's arguments, and where weights come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerato import config, layers
from kerato.errors import BadFile, InvalidType, InvalidValue, invalid, show
from kerato.graph import Tensor, get_source_inputs
from kerato.models import Model, Sequential

#: the number of ImageNet's classes
CLASSES = 1000


@dataclass(frozen=True)
class Pretrained:
    """A row: the net's name, its convolutions, and what it takes to use it.

    `body` makes the convolutions on a tensor; `head`, given the number of classes and the activation, the answer.
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
    last: tuple[str, ...]
    """How the names of the layers begin that fine-tuning changes: the last block of convolutions."""
    files: str = ""
    """Its row in `trained.FILES`, if that is not the net's name."""
    pool: str | None = None
    """How `pooling` is called in names of layers, where Keras gives that layer a name."""


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
    """The net of a row, with the arguments that all of them have in Keras 3.

    Args:
        row: which.
        include_top: whether the 1000-class answer is part of it.
        weights: `'imagenet'`, the path of a file, or None for new ones.
        input_tensor: a tensor to build on.
        input_shape: of one picture; by default that of the training with the top, free without.
        pooling: without the top, `'avg'` or `'max'` makes a vector of each picture.
        classes: how many, with new weights.
        classifier_activation: of the answer; None gives logits.
        name: the model's.

    Raises:
        InvalidValue: an argument cannot be, or two of them exclude each other.
        InvalidType: `input_tensor` is no tensor of a model.
        BadFile: the weights cannot be found or do not fit.
    """
    if pooling not in (None, "avg", "max"):
        raise invalid(row.name, "pooling", "None, 'avg' or 'max'", pooling)
    if include_top and weights is not None and classifier_activation not in (None, "linear", "softmax"):
        rule = "None or 'softmax' with trained weights"
        raise invalid(row.name, "classifier_activation", rule, classifier_activation)
    if _published(weights) and include_top and classes != CLASSES:
        raise InvalidValue(f"{row.name}: with weights='imagenet' and its top, `classes` must be 1000. Got {classes}.")
    given = _input(row, include_top, weights, input_tensor, input_shape)
    x = row.body(given)
    if include_top:
        x = row.head(x, classes, classifier_activation)
    elif pooling is not None:
        kinds = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
        x = kinds[pooling](name=row.pool and row.pool.format(pooling))(x)
    sources = get_source_inputs(given)
    model = Model(sources[0] if len(sources) == 1 else sources, x, name=name or row.name)
    if weights is not None:
        from kerato.applications.trained import load

        load(row, model, weights, include_top)
    return model


def _published(weights: Any) -> bool:
    return isinstance(weights, str) and weights == "imagenet"


def _input(row: Pretrained, include_top: bool, weights: Any, tensor: Any, shape: Sequence[int | None] | None) -> Any:
    first = config.image_data_format() == "channels_first"
    usual = (3, row.side, row.side) if first else (row.side, row.side, 3)
    free = (3, None, None) if first else (None, None, 3)
    wanted = tuple(shape) if shape is not None else usual if include_top else free
    if len(wanted) != 3:
        raise invalid(row.name, "input_shape", "the shape of one picture, e.g. (224, 224, 3)", shape)
    if include_top and _published(weights) and wanted != usual:
        raise invalid(row.name, "input_shape", f"{usual} with weights='imagenet' and its top", shape)
    height, width = wanted[1:] if first else wanted[:2]
    if include_top and None in (height, width):
        raise invalid(row.name, "input_shape", "a known size, since the top needs one", shape)
    if any(side is not None and side < row.least for side in (height, width)):
        raise invalid(row.name, "input_shape", f"at least {row.least} pixels a side", shape)
    if tensor is not None and not isinstance(tensor, Tensor):
        raise InvalidType(f"{row.name}: `input_tensor` must be a tensor such as Input gives. Got {show(tensor)}.")
    return layers.Input(wanted) if tensor is None else tensor


def axis_of_channels() -> int:
    """The channel axis of new layers, as `image_data_format` says."""
    return 1 if config.image_data_format() == "channels_first" else -1


def sides_of(shape: Sequence[int | None] | None, include_top: bool, usual: int) -> tuple[int | None, int | None]:
    """(height, width) of the pictures that a net takes, given its `input_shape`; None where they are free."""
    if shape is None or len(shape) != 3:
        return (usual, usual) if include_top else (None, None)
    first = config.image_data_format() == "channels_first"
    return (shape[1], shape[2]) if first else (shape[0], shape[1])


def usual_side(shape: Sequence[int | None] | None, trained: Sequence[int], usual: int) -> int:
    """The side for which weights are taken: that of square pictures, if there are weights for it, or `usual`."""
    height, width = sides_of(shape, False, usual)
    return height if height is not None and height == width and height in trained else usual


def whole(row: Pretrained, include_top: bool, weights: Any) -> Sequential:
    """The net of a row with the preparation of pixels as its first layers: raw pictures, uint8 in 0..255, go in.

    Its classes have their names where ImageNet's are on this machine.
    """
    from kerato.applications.imagenet_utils import class_index, preparation
    from kerato.applications.trained import CLASS_INDEX, found

    net = assemble(row, include_top, weights, None, None, None, CLASSES, "softmax", None)
    entrance = layers.Input(net.input_shape[1:], dtype="uint8", name="picture")
    floats = layers.Rescaling(1.0, name="floats")
    model = Sequential([entrance, floats, *preparation(row.mode, config.image_data_format()), net], name=row.name)
    if include_top and found(CLASS_INDEX):
        model.extra["class_names"] = [name for _, name in class_index()]
    return model


def rows() -> dict[str, Pretrained]:
    """All nets of the table, by name; one whose layers another has too comes after it."""
    from kerato.applications import mobilenet, mobilenet_v2, resnet, squeezenet, vgg16, vgg19

    modules = (squeezenet, mobilenet, mobilenet_v2, resnet, vgg19, vgg16)
    return {module.ROW.name: module.ROW for module in modules}


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
