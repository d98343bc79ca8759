"""Scene under construction: collects the images that a reader finds, so that every format treats bad images alike.

An image that cannot be used never stops the reading: all are counted first, then reported together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from trigpoint.core.camera import Camera
from trigpoint.core.errors import GeometryError, SceneError, TrigpointError
from trigpoint.core.image import image_size
from trigpoint.core.scene import Frame, Problem, Scene
from trigpoint.core.tracks import TrackSource
from trigpoint.formats.format import ReadOptions
from trigpoint.formats.textfiles import is_file

_NAMES_SHOWN = 10


class SceneBuilder:
    """The scene under construction.

    Args:
        root: the folder being read.
        format_name: name of the format.
        metric: whether the format's unit is the metre.
        options: what the user asked for.
    """

    def __init__(self, root: Path, format_name: str, *, metric: bool, options: ReadOptions) -> None:
        self.root = root
        self.format_name = format_name
        self.metric = metric if options.metric is None else options.metric
        self.options = options
        self.problems: list[Problem] = []
        # Set by readers of models with points: the tracks of the named images.
        self.tracks_of: Callable[[Sequence[str]], TrackSource] | None = None
        self._frames: list[Frame] = []
        self._names: set[str] = set()
        self._missing: list[str] = []
        self._invalid: list[tuple[str, TrigpointError]] = []
        self._sizes: dict[Path, tuple[int, int]] = {}
        self._cameras: dict[tuple[str, int, int, tuple[float, ...]], Camera] = {}

    def note(self, message: str) -> None:
        """Something the owner may like to know."""
        self.problems.append(Problem("note", message))

    def warn(self, message: str) -> None:
        """Something that is missing from an otherwise usable scene."""
        self.problems.append(Problem("warning", message))

    @contextmanager
    def image(self, name: str) -> Iterator[None]:
        """Everything about one image happens inside: an error there makes this image invalid, not the scene."""
        try:
            yield
        except TrigpointError as error:
            where = error.where or name
            # A file of its own says which image it belongs to; a line of a list does not.
            named = PurePosixPath(name).name.partition(".")[0] in where
            self._invalid.append((name, _placed(error, where if named else f"{where}, {name}")))

    def size_of(self, path: Path) -> tuple[int, int]:
        """Upright (width, height) of an image, px, from its header, read once. Raises as ``image_size``."""
        if path not in self._sizes:
            self._sizes[path] = image_size(path)
        return self._sizes[path]

    def camera(self, model: str, size: tuple[int, int], params: tuple[float, ...], where: str) -> Camera:
        """A camera; equal ones are one object.

        Raises:
            GeometryError: TP-311, TP-312, TP-313, with ``where``.
        """
        key = (model, *size, params)
        if key not in self._cameras:
            try:
                self._cameras[key] = Camera(model, *size, params)
            except GeometryError as error:
                raise _placed(error, where) from error
        return self._cameras[key]

    def exists(self, name: str, path: Path) -> bool:
        """Whether a listed image has a file; remembers it as missing otherwise."""
        if is_file(path):
            return True
        self._missing.append(name)
        return False

    def add(self, frame: Frame) -> None:
        """Add an image after comparing its pose, camera and file.

        Raises:
            TrigpointError: no pose (TP-204); a name that another image has (TP-205); another size than its camera (TP-221,
                TP-222, TP-223); TP-1xx.
        """
        frame.pose()
        self.add_query(frame)

    def add_query(self, frame: Frame) -> None:
        """Add an image whose pose may be unknown to all but the makers of the data set. Raises as ``add``, but TP-204."""
        frame.check_size(self.size_of(frame.image_path))
        if frame.name in self._names:
            fix = "Remove one of them, or give --skip-invalid to use the first."
            raise SceneError("TP-205", "this image is listed twice", where=frame.name, fix=fix)
        self._names.add(frame.name)
        self._frames.append(frame)

    def build(self) -> Scene:
        """The finished scene.

        Raises:
            TrigpointError: the first invalid image's error, with their count, unless they are to be skipped or nothing
                would be left; no image at all (TP-206).
        """
        self._invalid.sort(key=lambda item: item[0])
        if self._invalid and not (self.options.skip_invalid and self._frames):
            raise self._first_invalid()
        if not self._frames:
            raise self._nothing()
        frames = tuple(sorted(self._frames, key=lambda frame: frame.name))
        problems = (*self.problems, *self._summaries())
        tracks = None if self.tracks_of is None else self.tracks_of([frame.name for frame in frames])
        return Scene(self.root, self.format_name, frames, self.metric, problems, track_source=tracks)

    def _first_invalid(self) -> TrigpointError:
        first = self._invalid[0][1]
        total = len(self._frames) + len(self._invalid) + len(self._missing)
        if len(self._invalid) == 1:
            return first
        what = f"{len(self._invalid)} of {total} images cannot be used; the first: {first.what}"
        return type(first)(first.code, what, where=first.where, fix=first.fix)

    def _nothing(self) -> SceneError:
        if self._missing:
            what = f"none of the {len(self._missing)} listed images exists (first: {min(self._missing)})"
        else:
            what = "no images are listed"
        return SceneError("TP-206", what, where=self.root, fix="Copy the images to where the files say they are.")

    def _summaries(self) -> list[Problem]:
        result: list[Problem] = []
        if self._missing:
            count, first = len(self._missing), min(self._missing)
            total = count + len(self._frames) + len(self._invalid)
            result.append(Problem("warning", f"Listed images without a file: {count} of {total} (first: {first})."))
        by_code: dict[str, list[tuple[str, TrigpointError]]] = {}
        for name, error in self._invalid:
            by_code.setdefault(error.code, []).append((name, error))
        for code, items in sorted(by_code.items()):
            what = items[0][1].what
            names = shortened([name for name, _ in items])
            result.append(Problem("warning", f"Images left out: {len(items)} ({names}): {code} {what}."))
        return result


def shortened(names: list[str], shown: int = _NAMES_SHOWN) -> str:
    """The first names of a list and how many more there are."""
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + rest


def _placed(error: TrigpointError, where: str) -> TrigpointError:
    return type(error)(error.code, error.what, where=where, fix=error.fix)
