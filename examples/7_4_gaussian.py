"""7.4 The Gaussian filter: blur, noise removed, slopes, sharpening. Saves 7_4_gaussian.jpg.

python examples/7_4_gaussian.py [FOLDER FOR THE RESULT] [PICTURE]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

from kerato import image

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
picture = image.read(sys.argv[2]) if len(sys.argv) > 2 else load_sample_image("china.jpg")[40:240, 60:360]

# What one bright point becomes: the bell curve, which sums to 1.
point = np.zeros((1, 9))
point[0, 4] = 1
print("a point, sigma 1:", np.round(image.gaussian(point, (0, 1))[0], 4))

shown = {"the picture": picture}
for sigma in (1, 3, 8):
    shown[f"Gaussian, sigma {sigma}"] = image.gaussian(picture, sigma)

# Each kind of noise has its filter: the Gaussian for noise on every pixel, the median for specks.
for noise, noisy in {
    "normal noise": image.gaussian_noise(picture, sigma=30),
    "specks": image.salt_and_pepper(picture, share=0.1),
}.items():
    for name, result in {
        noise: noisy,
        f"{noise}, Gaussian": image.gaussian(noisy, 1),
        f"{noise}, median": image.median(noisy, 3),
    }.items():
        shown[f"{name}: {image.psnr(result, picture):.1f} dB"] = result
        print(f"{name:24} {image.psnr(result, picture):5.1f} dB")

grey = image.to_grey(picture)
shown["slope from left to right"] = image.to_uint8(image.gaussian_derivative(grey, 1, axis=1))
shown["unsharp mask, amount 1.5"] = image.unsharp(picture, sigma=2, amount=1.5)

sheet = image.sheet(list(shown.values()), list(shown), columns=4, cell=(200, 300))
print("saved", image.write(out / "7_4_gaussian.jpg", sheet, quality=88))
