"""Why numbers differ, and why a name of Keras is not Kerato's. Everything else is a failure of the oracle."""

from __future__ import annotations

#: beginning of a case's key -> why its numbers differ from Keras's
DIFFERENCES: dict[str, str] = {
    "layers/AutoContrast/*": "only gradients of the darkest and brightest pixels, which Keras clips: rounding decides",
    "layers/RandomCrop/*": "in the test phase Keras leaves pictures as they are; Kerato takes the middle",
    "files/RandomCrop/*": "as the layer",
    "files/RandomShear/*": "Keras 3.15.1 cannot read a file with this layer, its own neither",
}

#: pattern of `family/name` -> why Kerato has no such name; the first that fits
MISSING: dict[str, str] = {
    "layers/MaxNumBoundingBoxes": "boxes around objects are not in the book",
    "layers/Hash*": "tables, not images",
    "layers/IntegerLookup": "tables, not images",
    "layers/StringLookup": "tables, not images",
    "layers/TextVectorization": "texts: preprocessing.text.Tokenizer",
    "layers/MelSpectrogram": "sound, not images",
    "layers/STFTSpectrogram": "sound, not images",
    "initializers/STFT*": "sound, not images",
    "initializers/stft": "sound, not images",
    "layers/FlaxLayer": "a wrapper for one other library",
    "layers/JaxLayer": "a function of JAX is a Lambda",
    "layers/TorchModuleWrapper": "a wrapper for one other library, and a way to run code from a file",
    "layers/TFSMLayer": "a way to run code from a file",
    "layers/GroupQueryAttention": "language models",
    "layers/ReversibleEmbedding": "language models",
    "activations/glu": "halves an axis: not an activation of a layer; two layers and Multiply",
    "activations/sparsemax": "not built: softmax is what classification uses",
    "activations/threshold": "needs two arguments, so it has no meaning by name; a Lambda",
    "losses/*ircle": "not built: pairs of embeddings are trained as in kerato.tasks",
    "losses/CTC": "speech and handwriting: series of unknown alignment are not in the book",
    "losses/ctc": "as CTC",
    "optimizers/MultiOptimizer": "any optax transformation is an optimizer: optax.multi_transform",
    "optimizers/OptimizerMap": "as MultiOptimizer",
    "optimizers/legacy": "an empty module of names that raise errors",
    "optimizers/ScheduleFreeAdamW": "optax.contrib.schedule_free_adamw is an optimizer here",
}
