"""7.3 Heat maps: a grey picture in colours, and the density of points laid over it. Saves 7_3_heat_map.jpg.

python examples/7_3_heat_map.py [FOLDER FOR THE RESULT] [PICTURE]
"""

import sys
from pathlib import Path

from sklearn.datasets import load_sample_image

from kerato import image

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
picture = image.read(sys.argv[2]) if len(sys.argv) > 2 else load_sample_image("china.jpg")

# Pseudo-colours: every grey value has its colour, black for 0 and white for 255 with the map "hot".
shown = {"the picture": picture}
for name in ("hot", "jet", "viridis"):
    shown[f"colour map {name}"] = image.colormap(picture, name)

# Density: corners are points; each spreads like a Gaussian, and the sum stays their number.
corners = image.shi_tomasi(picture, count=0, min_distance=3)
density = image.density(corners + 0.5, picture.shape[:2], sigma=15)
print(f"{len(corners)} corners, the density sums to {density.sum():.3f}")
shown["its corners"] = image.mark(picture, corners, radius=1, thickness=-1)
shown["their density"] = image.colormap(density, "hot")
shown["laid over, alpha 0.5"] = image.overlay(picture, density, alpha=0.5)
shown["in other colours, alpha 0.7"] = image.overlay(picture, density, alpha=0.7, name="inferno")

sheet = image.sheet(list(shown.values()), list(shown), columns=4, cell=(200, 300))
print("saved", image.write(out / "7_3_heat_map.jpg", sheet, quality=88))
