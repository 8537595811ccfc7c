"""Callbacks: what happens around training, beside the numbers.

Per-batch hooks are only called on callbacks that define them: they end the running of many steps as one program,
because after every step somebody looks.
"""

from kerato.callbacks.base import Callback, CallbackList, as_list, verbosity
from kerato.callbacks.events import TensorBoard
from kerato.callbacks.files import BackupAndRestore, CSVLogger, ModelCheckpoint
from kerato.callbacks.hooks import (
    LambdaCallback,
    LearningRateScheduler,
    RemoteMonitor,
    SwapEMAWeights,
    TerminateOnNaN,
)
from kerato.callbacks.monitors import EarlyStopping, Monitor, ReduceLROnPlateau, grows
from kerato.callbacks.progress import BaseLogger, History, ProgbarLogger, Progress, as_text

__all__ = [
    "BackupAndRestore",
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Monitor",
    "ProgbarLogger",
    "Progress",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "as_list",
    "as_text",
    "grows",
    "verbosity",
]
