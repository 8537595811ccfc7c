"""A folder of JPEG files as each side's users read it: batches of 32 pictures (150, 150, 3) float32 in [0, 255].

A round is an epoch, and nothing of it is made before or after it: between rounds, while other sides are measured, no
queue is filled. Pictures are resized bilinearly and, but in TensorFlow, by Pillow.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

SIZE = (150, 150)
BATCH = 32
WORKERS = 2


def pictures() -> Path:
    """The folder with `cats` and `dogs`, below one that KERATO_DATA names.

    Raises:
        FileNotFoundError: there is none.
    """
    for part in os.environ.get("KERATO_DATA", "").split(os.pathsep):
        if part and (found := Path(part) / "cats-dogs" / "train").is_dir():
            return found
    raise FileNotFoundError("needs KERATO_DATA, a folder with cats-dogs/train/cats and cats-dogs/train/dogs")


def kerato_source(keras: Any, most: int) -> Any:
    """`flow_from_directory`, which by itself would go on with the next epoch, in a sequence that ends."""
    common: dict[str, Any] = {"target_size": SIZE, "batch_size": BATCH, "class_mode": "binary"}
    generator = keras.preprocessing.image.ImageDataGenerator()
    files = generator.flow_from_directory(pictures(), **common, interpolation="bilinear", cache_bytes=0)

    class Epoch(keras.utils.PyDataset):
        number = 0

        def __len__(self) -> int:
            return most

        def __getitem__(self, index: int) -> Any:
            return files(self.number, index)

        def on_epoch_end(self) -> None:
            self.number += 1

    return Epoch(workers=WORKERS)


def tensorflow_source(keras: Any, most: int) -> Any:
    """`image_dataset_from_directory`, which prefetches."""
    options = {"label_mode": "binary", "image_size": SIZE, "batch_size": BATCH, "verbose": False}
    return keras.utils.image_dataset_from_directory(pictures(), **options).take(most)


def jax_source(keras: Any, most: int) -> Any:
    """Keras's own reader without TensorFlow, with threads."""
    legacy = importlib.import_module("keras.src.legacy.preprocessing.image")
    files = legacy.ImageDataGenerator().flow_from_directory(
        pictures(), target_size=SIZE, batch_size=BATCH, class_mode="binary", interpolation="bilinear"
    )
    files.workers, files.max_queue_size, files.n = WORKERS, 2, most * BATCH
    return files


def torch_source(keras: Any, most: int) -> Any:
    """A loader with processes, channels last."""
    return importlib.import_module("folder_torch").loader(most * BATCH)


SOURCES = {
    "kerato": kerato_source,
    "tensorflow": tensorflow_source,
    "jax": jax_source,
    "torch": torch_source,
}
