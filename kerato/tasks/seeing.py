"""What `kerato look`, `explain` and `fool` do: a model from a file looked into, pictures, a JSON and a page written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerato.errors import BadFile, InvalidValue, plural, unknown
from kerato.report.gallery import Gallery, Section, Shown
from kerato.see.explanation import Explanation, explain
from kerato.see.fooling import Fooling, fool
from kerato.see.lens import Lens, lens_of

Map = np.ndarray[Any, Any]

#: pictures and filters shown one by one on a page; all are in the sheet and the JSON
MOST_SHOWN = 64


@dataclass
class Subject:
    """A model to look into: where it came from, and what its file says of classes and pictures."""

    path: Path
    model: Any
    class_names: tuple[str, ...]

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
        raise unknown(str(self.path), "the class", name, self.class_names)

    def size(self, wanted: int | None = None) -> tuple[int, int]:
        """(height, width) of pictures for the model: asked for, its own, or what it learned from."""
        known = self.model.extra.get("picture_shape") or (None, None)
        height, width = (wanted or own or seen or 224 for own, seen in zip(self.lens.size, known[:2], strict=True))
        return int(height), int(width)


def subject(path: str) -> Subject:
    """The model in a `.keras` or `.h5` file, or in the folder of a run.

    Raises:
        BadFile: there is none, or it is damaged.
    """
    from kerato.saving import load_model

    file = Path(path)
    file = file / "model.keras" if (file / "model.keras").is_file() else file
    model = load_model(file, compile=False)
    return Subject(file, model, tuple(map(str, model.extra.get("class_names", ()))))


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
) -> Outcome:
    """Contact sheets of what the filters of layers respond to; all convolutions, or `layer`."""
    from kerato.see.ascend import Sheet, filters, maximize

    layers = [layer] if layer else convolutions(of)
    sheets: list[tuple[str, Sheet]] = []
    for name in layers:
        found = filters(of.model, name, _some(of, name, count), size, steps, recipe, seed=seed)
        sheets.append((name, found))
    gallery = Gallery(f"What {of.path.name} looks for", "kerato look", {"Recipe": recipe, "Model": str(of.path)})
    drawn: dict[str, Map] = {}
    for name, sheet in sheets:
        if len(sheet):
            drawn[f"{file_name(name)}_filters"] = sheet.grid(limit=MOST_SHOWN)
        note = f"{plural(len(sheet), 'filter')}, the strongest first"
        note += f"; {plural(len(sheet.dead), 'filter')} never responded" if sheet.dead else ""
        shown = [Shown(p, n) for p, n in zip(sheet.pictures[:MOST_SHOWN], sheet.names, strict=False)]
        gallery.sections.append(Section(name, note, shown))
    if layer is None and of.class_names:
        classes = maximize(of.model, range(min(len(of.class_names), 16)), size, steps=steps, seed=seed)
        drawn["classes"] = classes.sheet()
        shown = [Shown(p, n) for p, n in zip(classes.pictures, classes.names, strict=True)]
        gallery.sections.append(Section("Classes", "What speaks most for each class, before softmax.", shown))
    facts = {"model": str(of.path), "layers": [sheet.as_json() for _, sheet in sheets]}
    files = _write(out, "look", facts, gallery, drawn)
    lines = [f"{name}: {plural(len(sheet), 'filter')} shown, {len(sheet.dead)} silent" for name, sheet in sheets]
    return Outcome(facts, lines, files)


def convolutions(of: Subject) -> list[str]:
    """The paths of all convolutions that give maps.

    Raises:
        InvalidValue: there is none.
    """
    from kerato.see.ascend import picture_shape

    shape = picture_shape(of.lens)
    x = np.zeros((1, *(shape if of.lens.channel_axis == -1 else (shape[2], *shape[:2]))), "float32")
    calls = [call.path for call in of.lens.calls([x]) if call.is_map and "Conv" in call.kind]
    if not calls:
        raise InvalidValue(f"look: {of.path} has no convolution. `kerato fool` and `kerato explain` work on any model.")
    return calls


def _some(of: Subject, layer: str, count: int | None) -> int | None:
    """At most `count` filters, by default 64; never more than there are."""
    from kerato.see.ascend import picture_shape

    shape = picture_shape(of.lens)
    x = np.zeros((1, *(shape if of.lens.channel_axis == -1 else (shape[2], *shape[:2]))), "float32")
    return min(MOST_SHOWN if count is None else count, of.lens.call_of(layer, [x]).channels)


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
    gallery = Gallery("Why it answered so", "kerato explain", _explained(of, found))
    drawn: dict[str, Map] = {"sheet": found.sheet()}
    for i, name in enumerate(names):
        stem = f"{i:03d}_{file_name(Path(name).stem)}"
        drawn[f"{stem}_heat"] = found.overlay(i)
        if i < MOST_SHOWN:
            shown = [Shown(found.shown(i)[0], Path(name).name), Shown(found.overlay(i), f"{found.name_of(i)}")]
            gallery.sections.append(Section(f"{Path(name).name}: {found.name_of(i)}", found.caption(i), shown))
    facts = {"model": str(of.path), **found.as_json(), "failed": failed}
    for entry, name in zip(facts["pictures"], names, strict=True):
        entry["file"] = name
    lines = [f"{name}: {found.name_of(i)} · {found.caption(i)}" for i, name in enumerate(names)]
    return Outcome(facts, lines, _write(out, "explain", facts, gallery, drawn)), failed


def _explained(of: Subject, found: Explanation) -> dict[str, str]:
    facts = {"Method": found.method, "Model": str(of.path), "Heat": "from 0 (blue) to 1 (red)"}
    if found.layer:
        facts["Layer"] = f"{found.layer}, {found.why_layer}"
    return facts


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
    found: Fooling = fool(
        of.model, of.class_number(target), given, method, epsilon, size=None if start else size, seed=seed
    )
    facts = {"model": str(of.path), "start": start, **found.as_json()}
    gallery = Gallery(f"Taken for {found.caption()}", "kerato fool", {"Method": method, "Model": str(of.path)})
    words = [f"start: {start or 'noise'}", f"taken for {found.caption()}"]
    shown = [Shown(picture, text) for picture, text in zip((found.start, found.picture), words, strict=True)]
    note = f"No value changed by more than {100 * found.largest:.1f} % of the range."
    gallery.sections.append(Section("From start to end", note, shown))
    stem = f"{file_name(found.name)}"
    files = _write(out, "fool", facts, gallery, {stem: found.picture, "sheet": found.sheet()})
    line = f"{of.path.name} takes the picture for {found.caption()} ({100 * found.probability_as_saved:.1f} % as saved)"
    return Outcome(facts, [line], files)
