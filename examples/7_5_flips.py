"""7.5 Flipped and turned pictures. Saves 7_5_flips.jpg.

python examples/7_5_flips.py [FOLDER FOR THE RESULT] [PICTURE]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

from kerato import image

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
picture = image.read(sys.argv[2]) if len(sys.argv) > 2 else load_sample_image("china.jpg")

numbers = np.array([[1, 2], [3, 4]])
print("left-right", image.flip(numbers).tolist(), "up-down", image.flip(numbers, "vertical").tolist())

shown = {
    "the picture": picture,
    "flipped left-right": image.flip(picture, "horizontal"),
    "flipped up-down": image.flip(picture, "vertical"),
    "both": image.flip(picture, "both"),
    "a quarter turn": image.rotate90(picture),
    "a quarter turn, clockwise": image.rotate90(picture, -1),
    "20 degrees, whole": image.rotate(picture, 20, order=1, cval=255),
    "20 degrees, same size": image.rotate(picture, 20, reshape=False, order=1),
}
assert (image.flip(image.flip(picture)) == picture).all()  # noqa: S101
assert (image.rotate90(picture, 4) == picture).all()  # noqa: S101

sheet = image.sheet(list(shown.values()), list(shown), columns=4, cell=(220, 300))
print("saved", image.write(out / "7_5_flips.jpg", sheet, quality=88))
