"""Films that the tests make for themselves: small, quick, and with every oddity that films have."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def scene(index: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Frame `index` of a moving scene, (height, width, 3) uint8: smooth, so that codecs keep it well."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x + 3 * index) / 9), np.cos((y - 2 * index) / 7), np.sin((x + y + 5 * index) / 11)]
    return np.stack([np.uint8(127 + 100 * wave) for wave in waves], axis=-1)


def film(
    path: Path,
    count: int = 30,
    *,
    codec: str = "libx264",
    fps: int = 25,
    pts: list[int] | None = None,
    clock: Fraction | None = None,
    pixels: str = "yuv420p",
    rotation: int = 0,
    sound: bool = False,
    size: tuple[int, int] = (48, 64),
    container: str | None = None,
    pictures: list[NDArray[np.uint8]] | None = None,
    **options: str,
) -> Path:
    """Write `count` frames of the scene, or of `pictures`.

    `pts` are time stamps in ticks of `clock`; `options` go to the encoder.
    """
    import av

    with av.open(str(path), "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=fps, options={key.replace("_", "-"): options[key] for key in options})
        stream.height, stream.width, stream.pix_fmt = *size, pixels
        stream.time_base = stream.codec_context.time_base = clock or Fraction(1, fps)
        if rotation:
            stream.set_display_rotation(rotation)
        voice: Any = out.add_stream("aac", rate=8000) if sound else None
        for index in range(count):
            picture = scene(index, *size) if pictures is None else pictures[index]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (index if pts is None else pts[index]), clock or Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound:
            _beep(out, voice, count / fps)
    return path


def _beep(out: Any, voice: Any, seconds: float) -> None:
    import av

    samples = np.sin(np.arange(int(8000 * seconds)) / 5).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 8000, 0
    out.mux(voice.encode(frame))
    out.mux(voice.encode(None))


def sound_only(path: Path) -> Path:
    """Write one second of sound without pictures."""
    import av

    with av.open(str(path), "w") as out:
        _beep(out, out.add_stream("aac", rate=8000), 1.0)
    return path


def portrait() -> NDArray[np.uint8]:
    """The head of Grace Hopper from Matplotlib's sample picture (public domain), (300, 300, 3) uint8 RGB."""
    import matplotlib

    from kerato.image import read

    picture = read(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"))
    return np.ascontiguousarray(picture[80:380, 110:410], np.uint8)


#: what every film must do, whatever it is made of: file name -> arguments of `film`
KINDS: dict[str, dict[str, Any]] = {
    "plain.mp4": {},
    "b_frames.mp4": {"bf": "3", "g": "10", "sound": True},
    "open_groups.mkv": {"bf": "2", "x264_params": "open-gop=1:keyint=8:min-keyint=8"},
    "stream.ts": {"bf": "2", "g": "8"},
    "refreshed.ts": {"x264_params": "intra-refresh=1:keyint=8"},
    "variable.mp4": {"pts": [n * n for n in range(30)], "clock": Fraction(1, 100), "bf": "2"},
    "small.webm": {"codec": "libvpx", "auto_alt_ref": "1", "lag_in_frames": "8", "g": "12"},
    "newer.webm": {"codec": "libvpx-vp9", "cpu_used": "8", "deadline": "realtime", "g": "12"},
    "old.avi": {"codec": "mpeg4", "bf": "2", "g": "9"},
    "disordered.avi": {"bf": "3", "g": "10"},
    "pictures.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "raw.h264": {"container": "h264", "bf": "2", "g": "10"},
    "stored.avi": {"codec": "rawvideo", "pixels": "bgr24"},
    "animation.gif": {"codec": "gif", "pixels": "rgb8"},
    "programme.mpg": {"codec": "mpeg2video", "bf": "2", "g": "8", "sound": False},
    "turned.mp4": {"rotation": 90, "g": "6"},
}
