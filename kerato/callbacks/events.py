"""Event files that TensorBoard reads, written without TensorFlow: length-checked records of protocol buffers.

A record is its length (uint64), the masked CRC-32C of that, the bytes, and their masked CRC. The bytes are an `Event`
message of `tensorflow/core/util/event.proto` with the numbers of the fields as written there.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np

from kerato.callbacks.base import Callback, Logs
from kerato.errors import invalid

_POLYNOMIAL = 0x82F63B78


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_remainder(byte) for byte in range(256)]


def crc32c(data: bytes) -> int:
    """The CRC with Castagnoli's polynomial. Source: RFC 3720, appendix B.4."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """`data` as a record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _event(step: int, rest: bytes) -> bytes:
    return _double(1, time.time()) + _varint(2 << 3) + _varint(step) + rest


def scalar(tag: str, value: float, step: int) -> bytes:
    """An event with one number."""
    number = _varint(2 << 3 | 5) + struct.pack("<f", value)
    return _event(step, _bytes(5, _bytes(1, _bytes(1, tag.encode()) + number)))


def histogram(tag: str, values: np.ndarray[Any, Any], step: int) -> bytes:
    """An event with the distribution of many numbers, in 30 bins."""
    x = np.asarray(values, np.float64).ravel()
    counts, edges = np.histogram(x, 30)
    message = _double(1, x.min()) + _double(2, x.max()) + _double(3, x.size) + _double(4, x.sum())
    message += _double(5, (x * x).sum())
    message += _bytes(6, edges[1:].astype("<f8").tobytes()) + _bytes(7, counts.astype("<f8").tobytes())
    return _event(step, _bytes(5, _bytes(1, _bytes(1, tag.encode()) + _bytes(5, message))))


class EventFile:
    """A file of events in `folder`, named as TensorBoard expects."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 10**9}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"
        self.path = folder / name
        self.add(_double(1, time.time()) + _bytes(3, b"brain.Event:2"))

    def add(self, *events: bytes) -> None:
        """Append events; what is there can be read at once."""
        with open(self.path, "ab") as file:
            file.write(b"".join(map(record, events)))


class TensorBoard(Callback):
    """Write event files for TensorBoard: `log_dir/train` and `log_dir/validation`, tags `epoch_loss` and so on.

    Args:
        log_dir: the folder.
        histogram_freq: every so many epochs, the distribution of each weight; 0 for never.
        write_graph, write_images, profile_batch, embeddings_freq, embeddings_metadata: accepted from Keras; graphs,
            pictures of weights, profiles and embeddings are not written.
        write_steps_per_second: the speed, too.
        update_freq: `'epoch'`, `'batch'`, or a number of batches: losses and metrics inside an epoch as `batch_loss`.

    Raises:
        InvalidValue: another `update_freq`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        every = {"epoch": 0, "batch": 1}.get(update_freq, update_freq) if isinstance(update_freq, str) else update_freq
        if not isinstance(every, int) or every < 0:
            raise invalid("TensorBoard", "update_freq", "'epoch', 'batch' or a number of batches", update_freq)
        self.log_dir, self.histogram_freq = Path(log_dir), histogram_freq
        self.write_steps_per_second, self.update_freq = write_steps_per_second, update_freq
        self._files: dict[str, EventFile] = {}
        self._every, self._steps, self._before = every, 0, (0, 0.0)
        if every:
            self.on_train_batch_end = self._at_batch  # type: ignore[method-assign]

    def _file(self, part: str) -> EventFile:
        if part not in self._files:
            self._files[part] = EventFile(self.log_dir / part)
        return self._files[part]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin new files."""
        self._files = {}

    def _at_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._steps += 1
        if self._steps % self._every == 0:
            named = {f"batch_{name}": value for name, value in _scalars(logs)}
            self._file("train").add(*(scalar(tag, value, self._steps) for tag, value in named.items()))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Begin to count the steps of the epoch."""
        self._before = int(self.model.optimizer.iterations.numpy()), time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the numbers of the epoch."""
        numbers = dict(_scalars(logs))
        numbers["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            steps, began = self._before
            done = int(self.model.optimizer.iterations.numpy()) - steps
            numbers["steps_per_second"] = done / (time.perf_counter() - began)
        for part, prefix in (("validation", "val_"), ("train", "")):
            mine = {name: numbers.pop(name) for name in list(numbers) if name.startswith(prefix)}
            events = [scalar(f"epoch_{n.removeprefix(prefix)}", value, epoch) for n, value in mine.items()]
            if events:
                self._file(part).add(*events)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._file("train").add(*(histogram(v.path, v.numpy(), epoch) for v in self.model.variables))


def _scalars(logs: Logs | None) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in (logs or {}).items() if np.ndim(value) == 0]
