"""A page of pictures with captions, in one file of HTML: what the commands of seeing write."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerato.image.files import encode
from kerato.report.page import environment
from kerato.saving.archive import write_beside

#: pictures below this side are shown larger, with hard pixels
TINY = 64


@dataclass(frozen=True)
class Shown:
    """A picture, uint8, and what is said below it."""

    picture: np.ndarray[Any, Any]
    caption: str

    @property
    def address(self) -> str:
        """The picture as an address with everything in it."""
        return f"data:image/png;base64,{base64.b64encode(encode(self.picture)).decode('ascii')}"

    @property
    def width(self) -> int:
        """Of the picture, in pixels."""
        return int(self.picture.shape[1])

    @property
    def height(self) -> int:
        """Of the picture, in pixels."""
        return int(self.picture.shape[0])

    @property
    def small(self) -> bool:
        """Whether it is to be shown with hard pixels."""
        return max(self.picture.shape[:2]) < TINY


@dataclass(frozen=True)
class Section:
    """A heading, a sentence and pictures."""

    heading: str
    note: str
    pictures: Sequence[Shown]


@dataclass
class Gallery:
    """A page: its title, the command it comes from, facts by name, the scale of heat if there is any, and sections."""

    title: str
    command: str
    facts: dict[str, str] = field(default_factory=dict)
    scale: Shown | None = None
    sections: list[Section] = field(default_factory=list)

    def render(self) -> str:
        """The page as text.

        Headings, notes and captions are escaped, and cleaned of what cannot be shown.
        """
        return str(environment().get_template("gallery.html.jinja").render(page=self))

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all.

        Raises:
            BadFile: it cannot be written; a page that was there stays.
        """
        data = self.render().encode("utf-8")
        write_beside(path, lambda file: file.write(data))
        return path
