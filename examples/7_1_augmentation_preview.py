"""7.1 Augmentation: one picture becomes 21 different ones. Saves preview/cat_*.jpeg and 7_1_augmentation_preview.jpg.

python examples/7_1_augmentation_preview.py [FOLDER FOR THE RESULT] [PICTURE]
"""

import sys
from pathlib import Path

from sklearn.datasets import load_sample_image

from kerato import image
from kerato.preprocessing.image import ImageDataGenerator, img_to_array, load_img

out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
picture = load_img(sys.argv[2]) if len(sys.argv) > 2 else load_sample_image("flower.jpg")
x = img_to_array(picture)
x = x.reshape((1, *x.shape))

# The book's settings; its shear of 0.2 was meant in radians, as Keras 2.0.5 computed it.
datagen = ImageDataGenerator(
    rotation_range=40,
    width_shift_range=0.2,
    height_shift_range=0.2,
    rescale=1.0 / 255,
    shear_range=0.2,
    zoom_range=0.2,
    horizontal_flip=True,
    fill_mode="nearest",
    shear_unit="radians",
)

# The iterator never ends, so we stop it. The seed makes the pictures the same in each run.
batches = datagen.flow(x, batch_size=1, seed=7, save_to_dir=out / "preview", save_prefix="cat", save_format="jpeg")
for i, _ in enumerate(batches, 1):
    if i > 20:
        break

made = sorted((out / "preview").glob("cat_*.jpeg"))
print(f"{len(made)} pictures in {out / 'preview'}")
shown = [x[0].astype("uint8")] + [image.read(path) for path in made[:11]]
captions = ["the picture"] + [path.name for path in made[:11]]
sheet = image.sheet(shown, captions, columns=4, cell=(170, 260))
print("saved", image.write(out / "7_1_augmentation_preview.jpg", sheet, quality=88))
