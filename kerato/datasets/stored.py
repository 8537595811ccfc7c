"""A data set as files: looked for by name or by path, downloaded when it is nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kerato.datasets import download, places
from kerato.datasets.download import Remote
from kerato.datasets.places import Files, Format
from kerato.errors import BadFile

Source = str | Path | None


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What one needs to know of a data set to find its files."""

    name: str
    folders: tuple[str, ...] = ()  # under these names it lies in a folder shared with other sets
    formats: tuple[Format, ...] = ()
    remotes: tuple[Remote, ...] = ()
    path: Path | None = field(default=None, compare=False)

    def where(self, path: Source = None) -> Path | None:
        """The file, or the folder of the files, from which `load_data(path)` would read; None if it must download."""
        found = self._find(path if path is not None else self.path)
        if found is None:
            return None
        files = found[1]
        return files[0] if len(files) == 1 else files[0].parent

    def obtained(self, path: Source = None) -> tuple[Format, Files]:
        """The form and the files of the set, downloaded if it is nowhere.

        Raises:
            BadFile: it is not where `path` says, or nowhere and cannot be downloaded.
        """
        return self._find(path) or self._download()

    def _find(self, path: Source) -> tuple[Format, Files] | None:
        if path is None:
            return self._search()
        given = Path(path).expanduser()
        if given.exists():
            return self._at(given)
        if given.name != str(path) or not given.suffix:
            raise BadFile(f"{self.name}: expected a file or folder, got {str(path)!r}, which does not exist.")
        found = next((folder / given for folder in places.shared() if (folder / given).is_file()), None)
        if found is None and any(given.name == form.describe for form in self.formats):
            return self._search()
        return self._at(found or given)

    def _search(self) -> tuple[Format, Files] | None:
        found = (self._in_shared(folder) for folder in places.shared())
        return next((one for one in found if one), None)

    def _in_shared(self, folder: Path) -> tuple[Format, Files] | None:
        """The set in a folder that may hold others too: only names that cannot mean another set count there."""
        own = (folder,) if folder.name in self.folders else tuple(folder / name for name in self.folders)
        pairs = [*((inside, form) for inside in own for form in self.formats)]
        pairs += [(folder, form) for form in self.formats if form.named]
        return next(((form, files) for inside, form in pairs if (files := form.locate(inside))), None)

    def _at(self, given: Path) -> tuple[Format, Files]:
        """The set at a path that somebody named."""
        found = self.held_by(given)
        if found is None:
            raise BadFile(f"{self.name}: {given} does not hold it. Expected {self._forms()} there.")
        return found

    def held_by(self, given: Path) -> tuple[Format, Files] | None:
        """The form and the files of the set in a folder, in its folder inside that, or around one of its files."""
        if given.is_file():
            return next(((form, files) for form in self.formats if (files := form.around(given))), None)
        inside = (given, *(given / name for name in self.folders))
        return next(((form, files) for f in inside for form in self.formats if (files := form.locate(f))), None)

    def _forms(self) -> str:
        return " or ".join(form.describe for form in self.formats)

    def _download(self) -> tuple[Format, Files]:
        folder = places.home() / "datasets" / self.folders[0]
        try:
            for remote in self.remotes:
                download.fetch(remote, download.address(remote, self.folders[0]), folder)
        except BadFile as error:
            raise BadFile(
                f"{self.name}: it is not on this machine and could not be downloaded. {error} "
                f"To do without the network, put {self._forms()} into {folder}, "
                "or set KERATO_DATA to the folder where it is."
            ) from error
        return self._at(folder)
