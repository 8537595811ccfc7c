"""A model as a drawing: in Graphviz's language, or as a picture where Graphviz is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from kerato.errors import BadFile, InvalidCall, invalid

_SUFFIXES = ("png", "svg", "pdf", "jpg", "dot")


def model_to_dot(
    model: Any, show_shapes: bool = False, show_layer_names: bool = True, rankdir: str = "TB", **ignored: Any
) -> str:
    """The layers of a model as a graph in Graphviz's language.

    Args:
        model: with layers that are connected.
        show_shapes: whether the output shapes are written into the boxes.
        show_layer_names: whether the names are, beside the classes.
        rankdir: `'TB'` from top to bottom, `'LR'` from left to right.
        ignored: further options of Keras (dpi, expand_nested, ...).

    Raises:
        InvalidCall: the layers are not connected yet.
        InvalidValue: `rankdir` is no direction.
    """
    if rankdir not in ("TB", "LR", "BT", "RL"):
        raise invalid("model_to_dot", "rankdir", "'TB', 'LR', 'BT' or 'RL'", rankdir)
    if not model.outputs:
        raise InvalidCall(f"{model.name}: the layers are not connected yet. Build the model, or call it, first.")
    boxes = {tensor: (f"in{i}", _input_label(tensor, show_shapes)) for i, tensor in enumerate(model.inputs)}
    lines = [f"{name} [label={_quoted(label)}, shape=box];" for name, label in boxes.values()]
    from kerato.graph import order

    for number, node in enumerate(order(model.outputs, set(model.inputs))):
        name = f"n{number}"
        lines.append(f"{name} [label={_quoted(_label(node, show_shapes, show_layer_names))}, shape=box];")
        lines += [f"{boxes[tensor][0]} -> {name};" for tensor in node.inputs if tensor in boxes]
        boxes.update({tensor: (name, "") for tensor in node.outputs})
    body = "\n  ".join([f"rankdir={rankdir};", *lines])
    return f"digraph {_quoted(model.name)} {{\n  {body}\n}}\n"


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    **ignored: Any,
) -> None:
    """Draw the layers of a model into a file; its ending says how: png, svg, pdf, jpg, or dot for Graphviz's language.

    Raises:
        InvalidValue: the file's name ends otherwise.
        BadFile: Graphviz is not installed (a `.dot` file needs none), or the file cannot be written.
    """
    path = Path(to_file)
    suffix = path.suffix.lower().lstrip(".") or "png"
    if suffix not in _SUFFIXES:
        raise invalid("plot_model", "to_file", f"a file name that ends in {', '.join(_SUFFIXES)}", str(path))
    text = model_to_dot(model, show_shapes, show_layer_names, rankdir)
    if suffix == "dot":
        path.write_text(text, encoding="utf-8")
        return
    program = shutil.which("dot")
    if program is None:
        raise BadFile(
            f"plot_model: {path} needs the program dot of Graphviz, which is not installed. Install graphviz, or name "
            "a file that ends in .dot."
        )
    found = subprocess.run([program, f"-T{suffix}", "-o", str(path)], input=text.encode(), capture_output=True)
    if found.returncode:
        raise BadFile(f"plot_model: {path} cannot be written ({found.stderr.decode(errors='replace').strip()}).")


def _input_label(tensor: Any, show_shapes: bool) -> str:
    name = (tensor.layer or tensor).name
    return f"{name}\n{tensor.shape}" if show_shapes else name


def _label(node: Any, show_shapes: bool, show_layer_names: bool) -> str:
    kind = type(node.owner).__name__ if node.is_layer else node.name
    first = f"{node.name} ({kind})" if show_layer_names and node.is_layer else kind
    shapes = ", ".join(str(tensor.shape) for tensor in node.outputs)
    return f"{first}\n{shapes}" if show_shapes else first


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
