"""What `kerato look`, `explain` and `fool` do: a model from a file looked into, pictures, a JSON and a page written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerato.errors import BadFile, InvalidValue, plural, unknown
from kerato.report.gallery import Gallery, Section, Shown
from kerato.see.ascend import Sheet, filters, maximize, picture_shape
from kerato.see.explanation import Explanation, explain
from kerato.see.fooling import Fooling, fool
from kerato.see.lens import Lens, lens_of
from kerato.see.pages import scale_bar

Map = np.ndarray[Any, Any]

#: pictures and filters shown one by one on a page; all are in the sheet and the JSON
MOST_SHOWN = 64
#: filters drawn of all layers together where nobody says how many, and the fewest of one layer
MOST_TOGETHER, FEWEST_SHOWN = 128, 4
#: classes whose pictures are made where nobody names a layer
MOST_CLASSES = 16


@dataclass
class Subject:
    """A model to look into: where it came from, and what its file says of classes and pictures.

    `remark` is what to know before anything that is seen is believed, mostly nothing.
    """

    path: Path
    model: Any
    class_names: tuple[str, ...]
    remark: str = ""

    @property
    def name(self) -> str:
        """What to call it: its file with the run that it is of, or the net's name."""
        return f"{self.path.parent.name}/{self.path.name}" if self.path.name == "model.keras" else self.path.name

    @property
    def untrained(self) -> bool:
        """Whether its weights are random."""
        return bool(self.remark)

    @property
    def lens(self) -> Lens:
        """The model as seen."""
        return lens_of(self.model, "see")

    def class_number(self, name: str) -> int:
        """The number of a class given by name or by number.

        Raises:
            UnknownName: the model has no such class.
        """
        if name in self.class_names:
            return self.class_names.index(name)
        if name.isdecimal():
            return int(name)
        raise unknown(str(self.path), "the class", name, self.class_names or ("a number",))

    def size(self, wanted: int | None = None) -> tuple[int, int]:
        """(height, width) of pictures for the model: asked for, its own, or what it learned from."""
        known = self.model.extra.get("picture_shape") or (None, None)
        height, width = (wanted or own or seen or 224 for own, seen in zip(self.lens.size, known[:2], strict=True))
        return int(height), int(width)


def subject(path: str, include_top: bool = True) -> Subject:
    """The model in a `.keras` or `.h5` file or in the folder of a run, or a net of `kerato.applications` by name.

    Args:
        path: what one types, see `kerato.applications.naming`.
        include_top: whether nets that there are trained weights for answer; without, pictures may have any size.

    Raises:
        BadFile: there is none, or it is damaged.
        UnknownName: it is neither a file nor the name of a net.
    """
    from kerato.applications.naming import file_of, seen

    model, remark = seen(path, include_top)
    return Subject(file_of(path), model, tuple(map(str, model.extra.get("class_names", ()))), remark)


def pictures(of: Subject, files: Sequence[str], size: int | None = None) -> tuple[Map, list[str], list[str]]:
    """(pictures as the model takes them, their files, why others could not be read).

    Raises:
        BadFile: none of them can be read.
    """
    from kerato.data.parts import decoded
    from kerato.tasks.answers import listed

    shape = (*of.size(size), of.lens.channels)
    found, names, failed = [], [], []
    for file in listed(files):
        try:
            found.append(decoded(file, shape))
            names.append(file)
        except BadFile as error:
            failed.append(str(error))
    if not found:
        raise BadFile(failed[0] if len(failed) == 1 else f"explain: none of {plural(len(failed), 'file')} can be read.")
    x = np.stack(found).astype("float32")
    low, high = of.lens.bounds
    x = low + (high - low) * x / 255
    return (x if of.lens.channel_axis == -1 else np.moveaxis(x, -1, 1)), names, failed


@dataclass
class Outcome:
    """What a command made: the answer as plain data, lines for a person, and the files."""

    facts: dict[str, Any]
    lines: list[str]
    files: list[Path]


def _write(out: Path, name: str, facts: dict[str, Any], gallery: Gallery, drawn: dict[str, Map]) -> list[Path]:
    from kerato.image.files import write
    from kerato.tasks.records import write_text

    files = [write(out / f"{stem}.png", picture) for stem, picture in drawn.items()]
    facts["files"] = [path.name for path in files]
    write_text(out / f"{name}.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    return [*files, out / f"{name}.json", gallery.write(out / "index.html")]


def file_name(text: str) -> str:
    """`text` as a part of a file's name."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "layer"


def look(
    of: Subject,
    out: Path,
    *,
    layer: str | None = None,
    count: int | None = None,
    size: int | None = None,
    recipe: str = "fourier",
    steps: int | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Contact sheets of what the filters of layers respond to; all convolutions, or `layer`.

    Args:
        count: filters per layer; None draws up to 64, fewer of each layer where there are many layers.
        say: is told which layer comes next.
    """
    layers = [layer] if layer else convolutions(of)
    wanted = count or max(FEWEST_SHOWN, min(MOST_SHOWN, MOST_TOGETHER // len(layers)))
    sheets = []
    for number, name in enumerate(layers, 1):
        some = min(wanted, of.lens.call_of(name, [blank(of.lens)]).channels)
        say(f"{name}: {plural(some, 'filter')} (layer {number} of {len(layers)})")
        sheets.append(filters(of.model, name, some, size, steps, recipe, seed=seed))
    gallery = Gallery(f"What {of.name} looks for", "kerato look", _facts(of, Recipe=recipe))
    drawn = {}
    for name, sheet in zip(layers, sheets, strict=True):
        gallery.sections.append(Section(name, _counted(sheet), _tiles(sheet)))
        if len(sheet):
            drawn[f"{file_name(name)}_filters"] = sheet.sheet(MOST_SHOWN, 8)
    if layer is None and of.class_names:
        chosen = range(min(len(of.class_names), MOST_CLASSES))
        classes = maximize(of.model, chosen, size, recipe, steps=steps, seed=seed)
        drawn["classes"] = classes.sheet()
        note = "What speaks most for each class, and how much, before softmax. No picture of the class was looked at."
        gallery.sections.append(Section("Classes", note, _tiles(classes)))
    facts = {"model": str(of.path), "untrained": of.untrained, "layers": [sheet.as_json() for sheet in sheets]}
    lines = [f"{name}: {_counted(sheet)}" for name, sheet in zip(layers, sheets, strict=True)]
    return Outcome(facts, lines, _write(out, "look", facts, gallery, drawn))


def _counted(sheet: Sheet) -> str:
    silent = f"; {len(sheet.dead)} never responded" if sheet.dead else ""
    return f"{plural(len(sheet), 'filter')}, the strongest first{silent}"


def _tiles(sheet: Sheet) -> list[Shown]:
    names = [name.removeprefix(f"{sheet.layer.rpartition('/')[2]} · ") for name in sheet.names]
    return [Shown(picture, name) for picture, name in zip(sheet.pictures[:MOST_SHOWN], names, strict=False)]


def _facts(of: Subject, **more: str) -> dict[str, str]:
    """What a page says at its top."""
    remark = {"Note": of.remark} if of.remark else {}
    return {"Model": str(of.path), **more, **remark}


def convolutions(of: Subject) -> list[str]:
    """The paths of all convolutions that give maps.

    Raises:
        InvalidValue: there is none.
    """
    calls = [call.path for call in of.lens.calls([blank(of.lens)]) if call.is_map and "Conv" in call.kind]
    if not calls:
        raise InvalidValue(f"look: {of.path} has no convolution. `kerato fool` and `kerato explain` work on any model.")
    return calls


def blank(lens: Lens) -> Map:
    """One empty picture as the model takes it, batch first."""
    shape = picture_shape(lens)
    return np.zeros((1, *(shape if lens.channel_axis == -1 else (shape[2], *shape[:2]))), "float32")


def heat(
    of: Subject,
    files: Sequence[str],
    out: Path,
    *,
    target: str | None = None,
    method: str = "grad_cam",
    layer: str | None = None,
    size: int | None = None,
    seed: int = 0,
) -> tuple[Outcome, list[str]]:
    """Heat maps of pictures with a word on how far to believe each; and what could not be read."""
    x, names, failed = pictures(of, files, size)
    number = None if target is None else of.class_number(target)
    found = explain(of.model, x, number, method, layer, seed=seed)
    words = "Heat over the grey picture, each map over its own largest value."
    gallery = Gallery("Why it answered so", "kerato explain", _explained(of, found), Shown(scale_bar(), words))
    drawn: dict[str, Map] = {"sheet": found.sheet()}
    for i, name in enumerate(names):
        drawn[f"{i:03d}_{file_name(Path(name).stem)}_heat"] = found.overlay(i)
        if i < MOST_SHOWN:
            shown = [Shown(found.shown(i)[0], Path(name).name), Shown(found.overlay(i), _scored(found, i))]
            gallery.sections.append(Section(found.name_of(i), found.verdict(i), shown))
    facts = {"model": str(of.path), "untrained": of.untrained, **found.as_json(), "failed": failed}
    for entry, name in zip(facts["pictures"], names, strict=True):
        entry["file"] = name
    lines = [f"{name}: {found.name_of(i)}. {found.verdict(i)}" for i, name in enumerate(names)]
    return Outcome(facts, [f"{found.heading}:", *lines], _write(out, "explain", facts, gallery, drawn)), failed


def _explained(of: Subject, found: Explanation) -> dict[str, str]:
    layer = {"Layer": f"{found.layer}, {found.why_layer}"} if found.layer else {}
    return _facts(of, Method=found.method, **layer)


def _scored(found: Explanation, number: int) -> str:
    if not found.trust:
        return found.heading
    test = found.trust[number]
    return (
        f"trust {test.score:.2f} of 1: deletion {test.deletion:.2f}, insertion {test.insertion:.2f}, "
        f"random weights {test.randomised:.2f}, edges {test.edges:.2f}"
    )


def trick(
    of: Subject,
    target: str,
    out: Path,
    *,
    start: str | None = None,
    method: str = "ascent",
    epsilon: float | None = None,
    size: int | None = None,
    seed: int = 0,
) -> Outcome:
    """A picture that the model takes for a class, from noise or from another picture."""
    given = None if start is None else pictures(of, [start], size)[0][0]
    number = of.class_number(target)
    side = None if start else size
    found: Fooling = fool(of.model, number, given, method, epsilon, size=side, seed=seed)
    facts = {"model": str(of.path), "untrained": of.untrained, "start": start, **found.as_json()}
    taken = "taken" if found.fooled else "not taken"
    gallery = Gallery(f"{taken.capitalize()} for {found.caption()}", "kerato fool", _facts(of, Method=method))
    words = [f"start: {start or 'noise'}", f"the network says {found.caption()}"]
    shown = [Shown(picture, text) for picture, text in zip((found.start, found.picture), words, strict=True)]
    note = (
        f"No value changed by more than {100 * found.largest:.1f} % of the range. Saved in whole grey levels, the "
        f"picture has {100 * found.probability_as_saved:.1f} %."
    )
    gallery.sections.append(Section("From start to end", note, shown))
    files = _write(out, "fool", facts, gallery, {file_name(found.name): found.picture, "sheet": found.sheet()})
    return Outcome(facts, [f"the picture is {taken} for {found.caption()}; {note}"], files)
