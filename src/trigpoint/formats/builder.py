"""Scene under construction: collects the images that a reader finds, so that every format treats bad images alike.

An image that cannot be used never stops the reading: all are counted first, then reported together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from trigpoint.core.camera import Camera
from trigpoint.core.errors import ConfigError, GeometryError, SceneError, TrigpointError
from trigpoint.core.image import image_size
from trigpoint.core.scene import Frame, Problem, Scene
from trigpoint.core.tracks import TrackSource
from trigpoint.formats.format import ReadOptions
from trigpoint.formats.image_files import ELSEWHERE, LISTED, SPELLING, FoundImage, ImageFinder, plain_name
from trigpoint.formats.textfiles import is_file

_NAMES_SHOWN = 10


@dataclass(frozen=True)
class _Found:
    """A listed image: where it should be, and what was found."""

    place: Path
    image: FoundImage


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
        self._missing: dict[str, Path] = {}
        self._found: dict[str, _Found] = {}
        self._scales: dict[str, tuple[float, float]] = {}
        self._invalid: list[tuple[str, TrigpointError]] = []
        self._sizes: dict[Path, tuple[int, int]] = {}
        self._finder = ImageFinder(root, options.images, reduced=options.scale_intrinsics)
        self._cameras: dict[tuple[str, int, int, tuple[float, ...]], Camera] = {}

    def note(self, message: str) -> None:
        """Something the owner may like to know."""
        self.problems.append(Problem("note", message))

    def note_once(self, message: str) -> None:
        """The same, said once for all images that it holds for."""
        if all(problem.message != message for problem in self.problems):
            self.note(message)

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

    def search_below(self, folder: Path) -> None:
        """Look for images below this folder instead of ``root``, which may be the folder of a model inside the scene."""
        self._finder = ImageFinder(folder, self.options.images, reduced=self.options.scale_intrinsics)

    def exists(self, name: str, path: Path) -> bool:
        """Whether a listed image has a file in its place; remembers it as missing otherwise."""
        if is_file(path):
            return True
        self._missing[name] = path
        return False

    def locate(self, name: str, path: Path, *, listed: str | None = None) -> Path | None:
        """The file of a listed image, which may be spelled otherwise or be in another folder (``formats/image_files.py``).

        Whether a file can be taken that is not in its place shows when all images are known: ``build`` decides.

        Args:
            name: name of the frame that the image will be added as.
            path: where the image should be.
            listed: the image as the scene names it, if that is not ``name``.

        Returns:
            None if there is no such file; the image is remembered as missing.
        """
        found = self._finder.find(listed or name, path)
        if found is None:
            self._missing[name] = path
            return None
        self._found[name] = _Found(path, found)
        return found.path

    def frame_name(self, listed: str, path: Path) -> str:
        """What to call an image: as it is listed, but a path of another machine by its place in the scene."""
        found = self._finder.find(listed, path)
        if found is None or found.how == LISTED:
            return listed
        return plain_name(listed) or self._finder.below_root(found.path).as_posix()

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
        frame = self._fitted(frame)
        if frame.name in self._names:
            fix = "Remove one of them, or give --skip-invalid to use the first."
            raise SceneError("TP-205", "this image is listed twice", where=frame.name, fix=fix)
        self._names.add(frame.name)
        self._frames.append(frame)

    def _fitted(self, frame: Frame) -> Frame:
        """The frame with its camera for the size of its image, if that may be scaled. Raises as ``Frame.check_size``."""
        size, camera = self.size_of(frame.image_path), frame.camera
        if self.options.scale_intrinsics and size != (camera.width, camera.height) and camera.fits_resized(*size):
            scaled = camera.resized(*size)
            self._scales[frame.name] = (size[0] / camera.width, size[1] / camera.height)
            where = str(frame.image_path)
            frame = replace(frame, camera=self.camera(scaled.model, size, scaled.params, where))
        frame.check_size(size)
        return frame

    def build(self) -> Scene:
        """The finished scene.

        Raises:
            TrigpointError: the first invalid image's error, with their count, unless they are to be skipped or nothing
                would be left; no image at all (TP-206), or only reduced copies (TP-224); a folder of images was named for
                a format that lists none (TP-728).
        """
        self._invalid.sort(key=lambda item: item[0])
        self._check_found()
        if self._invalid and not (self.options.skip_invalid and self._frames):
            raise self._first_invalid()
        if not self._frames:
            raise self._nothing()
        frames = tuple(sorted(self._frames, key=lambda frame: frame.name))
        problems = (*self.problems, *self._summaries())
        tracks = None if self.tracks_of is None else self.tracks_of([frame.name for frame in frames])
        if tracks is not None and self._scales:
            tracks = tracks.resized(self._scales)
        return Scene(self.root, self.format_name, frames, self.metric, problems, track_source=tracks)

    def _first_invalid(self) -> TrigpointError:
        first = self._invalid[0][1]
        total = len(self._frames) + len(self._invalid) + len(self._missing)
        if len(self._invalid) == 1:
            return first
        what = f"{len(self._invalid)} of {total} images cannot be used; the first: {first.what}"
        return type(first)(first.code, what, where=first.where, fix=first.fix)

    def _check_found(self) -> None:
        """Give up files that were found by their name alone, but may be others than those meant."""
        if self.options.images is not None and not self._found and not self._missing:
            raise ConfigError(
                "TP-728",
                f"a scene in {self.format_name} format has its images in folders of its own",
                where=self.options.images,
                fix="Leave --images out, and put the images there.",
            )
        uses = Counter(frame.image_path for frame in self._frames)
        whole = {found.place.parent for found in self._found.values() if found.image.how == LISTED}
        for name, found in list(self._found.items()):
            # One file cannot be two images; and a folder that holds some of its images lacks the others.
            doubtful = uses[found.image.path] > 1 or (found.image.how == ELSEWHERE and found.place.parent in whole)
            if found.image.how != LISTED and doubtful:
                self._missing[name] = found.place
                del self._found[name]
        self._frames = [frame for frame in self._frames if frame.name not in self._missing]
        self._invalid = [item for item in self._invalid if item[0] not in self._missing]

    def _nothing(self) -> SceneError:
        if not self._missing:
            return SceneError("TP-206", "no images are listed", where=self.root, fix="Check that the export is complete.")
        reduced = self._finder.reduced_folders()
        if reduced and not self.options.scale_intrinsics:
            return SceneError(
                "TP-224",
                f"the full-size images are missing; there are only reduced copies ({', '.join(reduced)})",
                where=self.root,
                fix="Put the full-size images beside them, or give --scale-intrinsics to use the copies.",
            )
        what = f"none of the {len(self._missing)} listed images exists (first: {min(self._missing)})"
        fix = "Copy the images to where the files say they are, or name the folder that holds them with --images FOLDER."
        return SceneError("TP-206", what, where=self.root, fix=f"{self._hint()} {fix}".strip())

    def _hint(self) -> str:
        """What is there in place of the first missing image, as a sentence; ``""`` for nothing like it."""
        hint = self._finder.hint(self._missing[min(self._missing)])
        return f"But {hint}." if hint else ""

    def _summaries(self) -> list[Problem]:
        result: list[Problem] = []
        for how, text in (
            (SPELLING, "spelled otherwise than listed"),
            (ELSEWHERE, "found by file name elsewhere than listed"),
        ):
            names = [name for name, found in self._found.items() if found.image.how == how]
            if names:
                first = min(names)
                file = self._finder.below_root(self._found[first].image.path).as_posix()
                result.append(Problem("note", f"Images {text}: {len(names)} (first: {file} for {first})."))
        if self._scales:
            count, (x, y) = len(self._scales), self._scales[min(self._scales)]
            result.append(Problem("note", f"Cameras scaled to resized images: {count} (first: by {x:.4g} x {y:.4g})."))
        if self._missing:
            count = len(self._missing)
            total = count + len(self._frames) + len(self._invalid)
            text = f"Listed images without a file: {count} of {total} (first: {min(self._missing)}). {self._hint()}"
            result.append(Problem("warning", text.strip()))
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
