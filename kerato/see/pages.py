"""Pictures inside HTML: results that show themselves in a notebook, and the page that a command of `see` writes."""

from __future__ import annotations

import base64
import html
from typing import Any

import numpy as np


def picture_tag(picture: np.ndarray[Any, Any], words: str) -> str:
    """An `<img>` that holds the picture itself as PNG; `words` say what it shows."""
    from kerato.image.files import encode

    data = base64.b64encode(encode(picture)).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(words)}" style="max-width:100%">'
