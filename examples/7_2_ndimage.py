"""7.2 Pictures as arrays: read, cut, measure, filter, turn, count. Saves 7_2_ndimage.jpg.

python examples/7_2_ndimage.py [FOLDER FOR THE RESULT] [PICTURE]
"""

import sys
from pathlib import Path

from sklearn.datasets import load_sample_image

from kerato import image

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
picture = image.read(sys.argv[2]) if len(sys.argv) > 2 else load_sample_image("flower.jpg")

# A picture is an array (height, width, 3) of uint8: its numbers can be looked at like any others.
numbers = image.statistics(picture)
print(f"{numbers['width']} x {numbers['height']} pixels, mean {numbers['mean']:.1f}, median {numbers['median']:.0f}")

height, width = picture.shape[:2]
middle = image.crop(picture, width // 4, height // 8, width // 2, 3 * height // 4)
noisy = image.salt_and_pepper(picture, share=0.1)
cleaned = image.median(noisy, size=3)
slopes = image.to_uint8(image.sobel(image.to_grey(picture)))
turned = image.rotate(picture, 30, reshape=False, order=1)

# Bright things: a mask, its connected parts, and where each of them lies.
mask = image.fill_holes(image.opening(image.threshold(picture), "ellipse", 11))
labels, count = image.label(mask)
areas = image.areas(labels)
print(f"{count} bright things, of {areas.tolist()} pixels")
boxed = image.draw_boxes(picture, image.find_objects(labels), [f"{area} px" for area in areas], text_size=24)

shown = {
    "the picture": picture,
    "the middle, cut out": middle,
    "turned by 30 degrees": turned,
    "10 % salt and pepper": noisy,
    "median of 3 x 3": cleaned,
    "Sobel: how steep": slopes,
    "brighter than Otsu's value": mask,
    "labelled and measured": boxed,
}
sheet = image.sheet(list(shown.values()), list(shown), columns=4, cell=(200, 300))
print("saved", image.write(out / "7_2_ndimage.jpg", sheet, quality=88))
