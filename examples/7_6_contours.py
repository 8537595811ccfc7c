"""7.6 Contours: thresholds, edges, outlines with their measures, level lines. Saves 7_6_contours.jpg.

python examples/7_6_contours.py [FOLDER FOR THE RESULT] [PICTURE]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

from kerato import image

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
picture = image.read(sys.argv[2]) if len(sys.argv) > 2 else load_sample_image("flower.jpg")
smooth = image.gaussian(picture, 2)

print(f"Otsu's value: {image.otsu(smooth):.0f}")
mask = image.fill_holes(image.threshold(smooth))
found, hierarchy = image.contours(mask, retrieve="external")
large = [contour for contour in found if image.contour_area(contour) > 1000]
for contour in large:
    x, y = image.centroid(contour)
    area, length = image.contour_area(contour), image.perimeter(contour)
    print(f"around ({x:.0f}, {y:.0f}): area {area:.0f} px, perimeter {length:.0f} px")

measured = picture
for contour in large:
    measured = image.draw_contours(measured, [image.rotated_box(contour)], (0, 200, 255))
    measured = image.draw_contours(measured, [image.convex_hull(contour)], (255, 255, 0))
    measured = image.mark(measured, image.centroid(contour), (255, 0, 255), radius=6, thickness=-1)

levels = picture
for level, colour in zip((60, 100, 140, 180), image.colormap(np.arange(4.0)[None], "jet")[0].tolist(), strict=True):
    lines = [line for line in image.level_lines(image.gaussian(picture, 4), level) if len(line) > 40]
    levels = image.draw_contours(levels, lines, tuple(colour), thickness=2, closed=False)

shown = {
    "the picture": picture,
    "Prewitt": image.to_uint8(image.prewitt(image.to_grey(picture))),
    "Canny, 100 and 200": image.canny(picture, 100, 200),
    "brighter than Otsu's value": mask,
    "outlines": image.draw_contours(picture, large, (0, 255, 0), 3),
    "smallest box, hull, centroid": measured,
    "lines of equal brightness": levels,
    "filled": image.draw_contours(picture, large, (0, 255, 0), -1),
}
sheet = image.sheet(list(shown.values()), list(shown), columns=4, cell=(200, 300))
print("saved", image.write(out / "7_6_contours.jpg", sheet, quality=88))
