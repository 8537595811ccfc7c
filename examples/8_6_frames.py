"""8.6 Pictures out of a film: what it is, frames by number and by time, pictures with a manifest. Saves 8_6_frames.jpg.

python examples/8_6_frames.py [FOLDER FOR THE RESULT] [FILM]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

from kerato import image
from kerato.data import Film, clip, extract, frames

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")


def pan(folder: Path, count: int = 50) -> Path:
    """A film as a folder of pictures: a look from left to right over a landscape."""
    view = load_sample_image("china.jpg")
    folder.mkdir(parents=True, exist_ok=True)
    for index, x in enumerate(np.linspace(0, 320, count).astype(int)):
        image.write(folder / f"{index}.jpg", image.crop(view, x, 100, 320, 240))
    return folder


path = Path(sys.argv[2]) if len(sys.argv) > 2 else pan(out / "8_6_film")
with Film(path) as film:
    facts = film.properties()
    print(f"{facts.width} x {facts.height} at {facts.fps:g} per second: {facts.frames} frames ({facts.frames_from})")
    middle = film[len(film) // 2]
    print(f"frame {middle.index} is shown from {middle.time_s:.3f} s; at 0.5 s it is frame {film.at(0.5).index}")

some = list(frames(path, every=-(-facts.frames // 6)))
print("every so many frames:", [frame.index for frame in some])
print("every half second:", [frame.index for frame in frames(path, seconds=0.5)][:10])

done = extract(path, out / "8_6_frames", seconds=0.25, size=(120, 160), stop=facts.start_s + 2)
print(f"{len(done.entries)} pictures; the first line of the manifest: {done.entries[0]}")
print("an evenly sampled clip for a network:", clip(path, 16, (64, 64)).shape)

captions = [f"frame {frame.index}, {frame.time_s:.2f} s" for frame in some]
sheet = image.sheet([frame.picture for frame in some], captions, columns=3, cell=(180, 240))
print("saved", image.write(out / "8_6_frames.jpg", sheet, quality=88))
