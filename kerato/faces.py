"""Faces: found in pictures, cut out as squares, collected per person from a folder or a film.

One interface, two detectors: OpenCV's own Haar cascade, which needs no further file, and YuNet when its model file
is given. Both get the picture with its border drawn outwards, because faces that fill a picture have no room for
the surroundings that a detector looks at; what is found is given back in the picture's own pixels.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.data.decoding import Picture
from kerato.data.sampling import evenly
from kerato.data.sequences import pictures_in
from kerato.data.video import Film
from kerato.errors import BadFile, KeratoError, MissingExtra, invalid, plural
from kerato.image.arrays import at_least, opencv, to_grey, to_rgb, whole
from kerato.image.draw import draw_boxes, sheet
from kerato.image.files import FORMATS, read, write
from kerato.image.geometry import resize

Box = tuple[int, int, int, int]

#: a contact sheet shows at most so many crops, evenly chosen
SHEET_CROPS = 120


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of a picture, the largest first; `len` counts them.

    Attributes:
        boxes: (n, 4) int64: x, y, width, height in pixels, inside the picture.
        scores: (n,) float64, higher is surer: of the Haar detector how many overlapping windows agree, from its
            `neighbours` upwards; of YuNet 0 to 1.
    """

    boxes: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.boxes)


class Detector:
    """Base of the detectors: prepares the picture, maps what was found back. Call it with a picture.

    Class attributes:
        margin: border drawn outwards on each side, as a part of the picture's longer side. 0.15 is the smallest
            that found every ORL face (0: 87 to 93 %), for three cascades alike.
        shortest: pictures whose shorter side is less are enlarged to it, in pixels.
        longest: pictures whose longer side is more are shrunk to it, in pixels.
    """

    name = ""
    margin = 0.15
    shortest = 80
    longest = 1280

    def __call__(self, picture: ArrayLike) -> Faces:
        """The faces of a picture (height, width[, channels]), uint8 grey or RGB.

        Raises:
            InvalidValue: `picture` is none.
        """
        colours = to_rgb(picture)
        height, width = colours.shape[:2]
        scale = max(min(1.0, self.longest / max(height, width)), self.shortest / min(height, width))
        sized = resize(colours, (max(round(height * scale), 1), max(round(width * scale), 1)))
        border = round(self.margin * max(sized.shape[:2]))
        found = self.detect(np.pad(sized, ((border, border), (border, border), (0, 0)), mode="edge"))
        found[:, :2] -= border
        found[:, :4] /= scale
        return _inside(found, height, width)

    def detect(self, picture: Picture) -> NDArray[np.float64]:
        """Rows of x, y, width, height, score, float64 (n, 5), for a prepared uint8 RGB picture."""
        raise NotImplementedError(f"{type(self).__name__}: define detect(self, picture).")


class Haar(Detector):
    """Viola and Jones' cascade of simple features, as OpenCV ships it.

    Of the three frontal cascades that come with OpenCV, frontalface_alt finds all 400 ORL faces too and takes the
    fewest cats and dogs for faces (13 in 200 pictures; alt2 20, default 49).

    Args:
        cascade: name of one of OpenCV's cascades, or path of a cascade's XML file.
        neighbours: a face needs so many overlapping windows that agree, >= 1; fewer find more, and more false ones.
        step: factor from one searched size to the next, > 1.
        smallest: faces smaller than this are not searched, pixels >= 20.

    Raises:
        BadFile: there is no such cascade.
        InvalidValue: an argument cannot be.
    Source: Viola and Jones 2001, "Rapid object detection using a boosted cascade of simple features"; book 8.3.
    """

    name = "haar"

    def __init__(
        self, cascade: str = "frontalface_alt", *, neighbours: int = 5, step: float = 1.1, smallest: int = 24
    ) -> None:
        self.neighbours = whole("Haar", "neighbours", neighbours)
        self.step = float(at_least("Haar", "step", step, 1.01))
        self.smallest = whole("Haar", "smallest", smallest, 20)
        cv2 = opencv()
        if not hasattr(cv2, "CascadeClassifier"):
            raise MissingExtra(
                f"OpenCV {cv2.__version__} has no Haar cascades, the detector without a model file. "
                'Install OpenCV 4 with: pip install "kerato[image]", or give a YuNet model.'
            )
        path = cascade if Path(cascade).is_file() else f"{cv2.data.haarcascades}haarcascade_{cascade}.xml"
        try:
            self.classifier = cv2.CascadeClassifier()
            usable = bool(self.classifier.load(path))
        except cv2.error:
            usable = False
        if not usable:
            raise BadFile(f"{cascade}: a cascade must be one of OpenCV's names or an XML file. Try frontalface_alt.")

    def detect(self, picture: Picture) -> NDArray[np.float64]:
        """Rows of x, y, width, height, number of agreeing windows."""
        boxes, agreeing = self.classifier.detectMultiScale2(
            to_grey(picture), self.step, self.neighbours, minSize=(self.smallest, self.smallest)
        )
        rows = np.zeros((len(boxes), 5))
        if len(boxes):
            rows[:, :4], rows[:, 4] = boxes, np.ravel(agreeing)
        return rows


class YuNet(Detector):
    """A small network that finds faces; needs its model file (face_detection_yunet_2023mar.onnx, 230 kB).

    Args:
        model: path of the ONNX file.
        threshold: least score, 0 to 1.

    Raises:
        BadFile: the file is missing or no YuNet.
        InvalidValue: the threshold is not in 0 to 1.
    Source: Wu, Peng and Yu 2023, "YuNet: a tiny millisecond-level face detector".
    """

    name = "yunet"
    shortest = 160
    longest = 640

    def __init__(self, model: str | os.PathLike[str], *, threshold: float = 0.8) -> None:
        if at_least("YuNet", "threshold", threshold, 0) > 1:
            raise invalid("YuNet", "threshold", "a number from 0 to 1", threshold)
        if not Path(model).is_file():
            raise BadFile(f"{model}: there is no such model file. Check the path, or leave it out for Haar cascades.")
        cv2 = opencv()
        try:
            # From bytes: OpenCV does not open paths with letters outside the system's code page on every system.
            data = np.frombuffer(Path(model).read_bytes(), np.uint8)
            self.network = cv2.FaceDetectorYN.create("onnx", data, np.empty(0, np.uint8), (320, 320), threshold)
            self.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error:
            raise BadFile(f"{model}: the model must be a YuNet in ONNX form, this file is none.") from None

    def detect(self, picture: Picture) -> NDArray[np.float64]:
        """Rows of x, y, width, height, score."""
        self.network.setInputSize((picture.shape[1], picture.shape[0]))
        _, found = self.network.detect(np.ascontiguousarray(picture[..., ::-1]))
        if found is None:
            return np.zeros((0, 5))
        return np.asarray(found[:, [0, 1, 2, 3, 14]], np.float64)


def _inside(rows: NDArray[np.float64], height: int, width: int) -> Faces:
    """The part of each box that lies in the picture; boxes whose middle lies outside are dropped."""
    middles = rows[:, :2] + rows[:, 2:4] / 2
    rows = rows[((middles >= 0) & (middles < (width, height))).all(axis=1)]
    low = np.clip(np.rint(rows[:, :2]), 0, (width - 1, height - 1))
    high = np.clip(np.rint(rows[:, :2] + rows[:, 2:4]), low + 1, (width, height))
    boxes = np.concatenate([low, high - low], axis=1).astype(np.int64)
    order = np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")
    return Faces(boxes[order], rows[order, 4])


def detector(model: str | os.PathLike[str] | None = None) -> Detector:
    """The detector for a model file: YuNet, or without one the Haar cascade. Raises: BadFile as those do."""
    return Haar() if model is None else YuNet(model)


def find(picture: ArrayLike, using: Detector | None = None) -> Faces:
    """The faces of a picture (height, width[, channels]) with the default detector, or the one given.

    Many pictures are faster with one detector: `using = detector()`, then `using(picture)` for each.

    Raises:
        InvalidValue: `picture` is none.
    Source: book 8.3.
    """
    return (using or detector())(picture)


def annotated(picture: ArrayLike, faces: Faces) -> Picture:
    """The picture with a box and the score of each face, uint8 RGB (height, width, 3)."""
    colours = to_rgb(picture)
    thickness = max(1, round(max(colours.shape[:2]) / 400))
    size = max(10, round(max(colours.shape[:2]) / 45))
    labels = [f"{score:.2f}" if score <= 1 else f"{score:.0f}" for score in faces.scores]
    return draw_boxes(colours, faces.boxes, labels, thickness=thickness, text_size=size)


def square(box: ArrayLike, height: int, width: int, margin: float = 0.15) -> Box:
    """The square around a box (x, y, width, height), with `margin` of its side on each side, inside the picture.

    At the border it is moved inwards; only if the picture itself is smaller it is made smaller. Never empty.

    Raises:
        InvalidValue: the box has no area, or the margin is below 0.
    """
    x, y, w, h = (float(number) for number in np.asarray(box).reshape(4))
    if not (w > 0 and h > 0 and math.isfinite(x + y + w + h)):
        raise invalid("square", "box", "(x, y, width, height) with an area", (x, y, w, h))
    side = max(w, h) * (1 + 2 * at_least("square", "margin", margin, 0))
    side = max(1, min(round(side), height, width))
    left = min(max(round(x + w / 2 - side / 2), 0), width - side)
    top = min(max(round(y + h / 2 - side / 2), 0), height - side)
    return left, top, side, side


def crop(picture: Picture, box: ArrayLike, margin: float = 0.15, size: int | None = None) -> Picture:
    """The `square` around a box cut out of a picture: (side, side[, channels]), resized to `size` if given.

    Raises:
        InvalidValue: the box has no area, the margin is below 0, or the size below 1.
    """
    x, y, side, _ = square(box, picture.shape[0], picture.shape[1], margin)
    cut = picture[y : y + side, x : x + side]
    return cut.copy() if size is None else resize(cut, (size, size))


@dataclass(frozen=True)
class Crop:
    """One line of a collection: the file of the crop, the picture or frame it is from, its box there, its score."""

    file: str
    source: str
    box: Box
    score: float


@dataclass(frozen=True)
class Collection:
    """What `collect` wrote.

    Attributes:
        name: the person.
        folder: where the crops lie.
        sheet: path of the contact sheet.
        crops: one per file, in the order of the source.
        seen: pictures or frames that were searched.
        empty: those of them without a face.
        skipped: unreadable files and why.
    """

    name: str
    folder: Path
    sheet: Path
    crops: list[Crop] = field(repr=False)
    seen: int
    empty: list[str] = field(repr=False)
    skipped: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"folder": str(self.folder), "sheet": str(self.sheet)}


def pictures_of(
    source: str | os.PathLike[str], seconds: float | None = None, skipped: dict[str, str] | None = None
) -> Iterator[tuple[str, Picture]]:
    """(name, uint8 RGB picture) of each picture of a folder, of one picture, or of each frame of a film.

    seconds: of a film, take the frame on the screen at every so many seconds.
    skipped: takes the unreadable files of a folder and why; without it they raise.

    Raises:
        BadFile: the source is missing or cannot be read.
    """
    path = Path(source)
    if path.is_file() and path.suffix.lower() in FORMATS and path.suffix.lower() != ".gif":
        yield path.name, to_rgb(read(path))
    elif not path.is_dir():
        with Film(path) as film:
            for moment in film.moments(seconds=seconds):
                yield f"{path.name} frame {moment.index} at {float(moment.time):.3f} s", moment.picture()
    else:
        for file in pictures_in(path):
            try:
                picture = to_rgb(read(file))
            except KeratoError as error:
                if skipped is None:
                    raise
                skipped[file.name] = str(error)
                continue
            yield file.name, picture


def collect(
    source: str | os.PathLike[str],
    name: str,
    out: str | os.PathLike[str],
    *,
    using: Detector | None = None,
    count: int | None = None,
    seconds: float | None = None,
    margin: float = 0.15,
    size: int | None = None,
) -> Collection:
    """Cut the largest face out of each picture of a folder or frame of a film: `out/name/000000.png`, ...

    A contact sheet, `out/name-sheet.png`, shows them with their numbers, to check by eye.

    Args:
        source: a folder of pictures of one person, a picture, or a film.
        name: the person, which names the folder.
        out: the album; made if it is not there.
        using: the detector; by default `detector()`.
        count: stop after so many crops.
        seconds: of a film, search the frame on the screen at every so many seconds; by default every frame.
        margin: what is added to a face's box on each side, as a part of it.
        size: side of the crops in pixels; by default as found.

    Raises:
        BadFile: the source cannot be read, has no face, or the person's folder holds files already.
        InvalidValue: an argument cannot be.
    Source: book 8.3.
    """
    folder = _new_person(name, Path(out))
    limit = None if count is None else whole("collect", "count", count)
    side = None if size is None else whole("collect", "size", size)
    using = using or detector()
    crops: list[Crop] = []
    empty: list[str] = []
    skipped: dict[str, str] = {}
    for place, picture in pictures_of(source, seconds, skipped):
        faces = using(picture)
        if not len(faces):
            empty.append(place)
            continue
        file = write(folder / f"{len(crops):06d}.png", crop(picture, faces.boxes[0], margin, side))
        box = square(faces.boxes[0], picture.shape[0], picture.shape[1], margin)
        crops.append(Crop(file.name, place, box, float(faces.scores[0])))
        if len(crops) == limit:
            break
    if not crops:
        folder.rmdir()
        raise BadFile(f"{source}: there must be a face in it, but none was found in {plural(len(empty), 'picture')}.")
    path = write(folder.with_name(f"{name}-sheet.png"), contact_sheet(folder, crops))
    return Collection(name, folder, path, crops, len(crops) + len(empty), empty, skipped)


def contact_sheet(folder: Path, crops: list[Crop]) -> Picture:
    """The crops (at most 120 of them, evenly chosen) with their numbers and scores, uint8 RGB (height, width, 3)."""
    chosen = range(len(crops)) if len(crops) <= SHEET_CROPS else evenly(len(crops), SHEET_CROPS)[0].tolist()
    pictures = [read(folder / crops[place].file) for place in chosen]
    captions = [f"{place}  ({crops[place].score:.3g})" for place in chosen]
    return sheet(pictures, captions, columns=min(len(pictures), 12), cell=(96, 96), text_size=11)


def _new_person(name: str, out: Path) -> Path:
    if not name or name != Path(name).name or name in (".", ".."):
        raise invalid("collect", "name", "a name that a folder can have", name)
    folder = out / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadFile(f"{folder}: the person's folder must be new or empty. Choose another name or folder.")
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise BadFile(f"{folder} cannot be made ({error.strerror}). Name another folder.") from None
    return folder
