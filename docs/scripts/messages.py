"""Five common mistakes and what is said about them: `messages.py [kerato | keras]`."""

import importlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
keras = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "kerato")
layers, load_model = keras.layers, keras.models.load_model

model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="categorical_crossentropy")
digits, labels = np.zeros((4, 8, 8, 1)), np.arange(4)
os.chdir(tempfile.mkdtemp())
Path("notes.keras").write_text("not a model")

MISTAKES = {
    "a misspelt activation": lambda: layers.Dense(3, activation="rleu"),
    "a misspelt optimizer": lambda: model.compile(optimizer="adm"),
    "labels as integers": lambda: model.fit(digits, labels, verbose=0),
    "a kernel too large": lambda: layers.Conv2D(4, 11)(keras.Input((8, 8, 1))),
    "a file that is no model": lambda: load_model("notes.keras"),
}
for name, mistake in MISTAKES.items():
    try:
        mistake()
    except (ValueError, TypeError, OSError) as error:
        print(f"{name}\n  {type(error).__name__}: {error}")
