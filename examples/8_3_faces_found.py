"""8.3 Faces found and collected: boxes, squares, a contact sheet. Saves 8_3_faces_found.jpg.

python examples/8_3_faces_found.py [FOLDER FOR THE RESULT] [FOLDER, PICTURE OR FILM OF ONE PERSON]
"""

import sys
import tempfile
from pathlib import Path

import matplotlib

from kerato import image
from kerato.faces import annotated, collect, detector, pictures_of

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")


def poses(folder: Path) -> Path:
    """A folder of pictures of one person: Grace Hopper, turned and in other light."""
    picture = image.read(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"))
    folder.mkdir(parents=True, exist_ok=True)
    for angle in (-8, 0, 8):
        for gain in (0.6, 1.0):
            turned = image.rotate(picture, angle, mode="nearest")
            image.write(folder / f"{angle + 8:02d}-{gain}.jpg", (turned * gain).astype("uint8"))
    return folder


source = Path(sys.argv[2]) if len(sys.argv) > 2 else poses(out / "8_3_pictures")
using = detector()
shown = {}
for name, picture in pictures_of(source, seconds=0.5):
    faces = using(picture)
    print(f"{name}: {faces.boxes.tolist()}, agreeing windows {faces.scores.astype(int).tolist()}")
    if len(shown) < 3:
        shown[name] = annotated(picture, faces)

with tempfile.TemporaryDirectory() as album:
    done = collect(source, "person", album, using=using, seconds=0.5, size=200)
    print(f"{len(done.crops)} crops of {done.seen} pictures, {len(done.empty)} without a face")
    for entry in done.crops[:6]:
        shown[f"{entry.file} from {entry.source}"] = image.read(done.folder / entry.file)
    image.write(out / "8_3_contact_sheet.png", image.read(done.sheet))
sheet = image.sheet(list(shown.values()), list(shown), columns=3, cell=(220, 300), text_size=14)
print("saved", image.write(out / "8_3_faces_found.jpg", sheet, quality=88))
