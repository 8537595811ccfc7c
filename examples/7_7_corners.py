"""7.7 Corners: Harris, Shi-Tomasi, and where they are between pixels. Saves 7_7_corners.jpg.

python examples/7_7_corners.py [FOLDER FOR THE RESULT] [PICTURE]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

from kerato import image

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
picture = image.read(sys.argv[2]) if len(sys.argv) > 2 else load_sample_image("china.jpg")[40:240, 60:360]

response = image.harris(picture)
harris = image.peaks(response, quality=0.05, min_distance=5)
strongest = image.shi_tomasi(picture, count=50, min_distance=8)
print(f"{len(harris)} corners by Harris, the strongest at {harris[0].tolist()}; {len(strongest)} by Shi-Tomasi")

# A rectangle whose corner lies between pixels: 15.5 is the line between column 15 and column 16.
rectangle = np.zeros((48, 72), np.uint8)
rectangle[16:32, 16:56] = 255
soft = image.gaussian(rectangle, 1)
rough = image.peaks(image.harris(soft), quality=0.2, min_distance=5)
fine = image.refine(soft, rough)
print("corners of the rectangle:", np.round(fine[np.lexsort(fine.T)], 2).tolist())

# Bright pixels are large: the logarithm shows the weak corners too.
visible = np.log1p(np.maximum(response, 0) / response.max() * 1000)
scale = 4
large = image.resize(soft, (48 * scale, 72 * scale), "nearest")
shown = {
    "the picture": picture,
    "Harris response (log)": image.colormap(visible, "inferno"),
    "Harris, above 5 % of the strongest": image.mark(picture, harris, (255, 0, 0), 3),
    "the 50 strongest by Shi-Tomasi": image.mark(picture, strongest, (0, 90, 255), 4, 2),
    "Harris with Gaussian slopes": image.colormap(np.sqrt(image.harris_gaussian(picture, 1.5)), "inferno"),
    "to the pixel (red), and between": image.mark(
        image.mark(large, rough * scale + scale / 2, (255, 0, 0), 5, 2), fine * scale + scale / 2, (0, 220, 0), 5, 2
    ),
}
sheet = image.sheet(list(shown.values()), list(shown), columns=3, cell=(200, 300))
print("saved", image.write(out / "7_7_corners.jpg", sheet, quality=88))
