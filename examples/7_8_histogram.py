"""7.8 Histograms, and pictures made better by them. Saves 7_8_histogram.jpg.

python examples/7_8_histogram.py [FOLDER FOR THE RESULT] [PICTURE]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

from kerato import image

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
picture = image.read(sys.argv[2]) if len(sys.argv) > 2 else load_sample_image("china.jpg")
dull = (picture // 3 + 60).astype(np.uint8)

counts, edges = image.histogram(picture)
print(f"{counts.shape[0]} channels, {counts.shape[1]} bins, {counts.sum(axis=1).tolist()} pixels each")
mask = image.threshold(picture)
inside, _ = image.histogram(image.to_grey(picture), mask=mask)
print(f"{inside.sum()} of {mask.size} pixels are brighter than {image.otsu(picture):.0f} (Otsu)")

better = {
    "the picture, dulled": dull,
    "equalised": image.equalize(dull),
    "CLAHE: tile by tile": image.clahe(dull, clip=3),
    "equalised, each channel": image.equalize(dull, colour="channels"),
}
plots = [image.draw_histogram(shown, bins=64, size=(300, 400)) for shown in better.values()]
sheet = image.sheet([*better.values(), *plots], [*better, *["its histogram"] * 4], columns=4, cell=(225, 300))
print("saved", image.write(out / "7_8_histogram.jpg", sheet, quality=88))
