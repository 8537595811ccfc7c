"""A folder of JPEG files as torch's users read it: Pillow in the processes of a DataLoader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from folder import BATCH, SIZE, WORKERS, pictures
from PIL import Image
from torch.utils.data import DataLoader, Dataset, RandomSampler


class Pictures(Dataset[Any]):
    """(picture (150, 150, 3) uint8, its class (1,) float32) for each file of a folder with a sub-folder per class."""

    def __init__(self, root: Path) -> None:
        self.files = sorted(path for path in root.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg"))
        self.classes = sorted({path.parent.name for path in self.files})

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        path = self.files[index]
        with Image.open(path) as file:
            picture = np.asarray(file.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR))
        return torch.from_numpy(picture.copy()), torch.tensor([float(self.classes.index(path.parent.name))])


def loader(count: int) -> Any:
    """Shuffled batches of `count` of the pictures, uint8 as they are smaller on their way between processes."""
    files = Pictures(pictures())
    order = RandomSampler(files, num_samples=count)
    return DataLoader(files, BATCH, sampler=order, num_workers=WORKERS, persistent_workers=True)
