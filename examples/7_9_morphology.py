"""7.9 Morphology: shapes cleaned, thinned, counted and told apart. Saves 7_9_morphology.png.

python examples/7_9_morphology.py [FOLDER FOR THE RESULT]
"""

import sys
from pathlib import Path

import numpy as np

from kerato import image

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

# Discs that touch, with noise on them: what a microscope shows of cells.
random = np.random.default_rng(3)
y, x = np.mgrid[:150, :220]
cells = np.zeros((150, 220), bool)
drawn = [(35, 40, 22), (72, 52, 20), (120, 35, 24), (158, 55, 19), (190, 110, 22), (60, 110, 25), (105, 105, 23)]
for cx, cy, r in drawn:
    cells |= (x - cx) ** 2 + (y - cy) ** 2 < r * r
noisy = cells ^ (random.random(cells.shape) < 0.02)

opened = image.opening(noisy, "square", 3)
clean = image.fill_holes(image.closing(opened, "square", 3))
labels, apart = image.separate(clean)
print(f"noisy {image.label(noisy)[1]} parts, cleaned {image.label(clean)[1]}, told apart {apart}, drawn {len(drawn)}")

hues = np.stack([np.arange(apart + 1) * 111 % 180, np.full(apart + 1, 190), (np.arange(apart + 1) > 0) * 255], axis=-1)
coloured = image.convert_colour(hues[None].astype(np.uint8), "rgb", "hsv")[0][labels]
coloured = image.mark(coloured, image.center_of_mass(clean, labels), (0, 0, 0), 2, -1)

letters = image.text(np.full((150, 220), 255, np.uint8), "kerato", (7, 40), 60)
word = image.dilate(image.threshold(letters, dark=True), "ellipse", 5)
thin = image.skeleton(word)
lines = np.where(thin[..., None], (220, 0, 0), np.where(word[..., None], (200, 200, 200), (255, 255, 255)))

shown = {
    "touching discs, noise": noisy,
    "opened": opened,
    "closed, holes filled": clean,
    "distance to the ground": image.colormap(image.distance(clean), "inferno"),
    "told apart": coloured,
    "gradient": image.gradient(clean),
    "a word and its skeleton": lines.astype(np.uint8),
    "dilated red, eroded white": np.stack(
        [image.to_uint8(part) for part in (image.dilate(word, "ellipse", 9), word, image.erode(word))], axis=-1
    ),
}
sheet = image.sheet(list(shown.values()), list(shown), columns=4, cell=(150, 220))
print("saved", image.write(out / "7_9_morphology.png", sheet))
