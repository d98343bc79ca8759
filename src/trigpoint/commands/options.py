"""Options that several verbs share: how a scene is read, where the work is done, what is printed and written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

from tyro.conf import Positional, arg
from tyro.constructors import PrimitiveConstructorSpec

if TYPE_CHECKING:
    from trigpoint.core.output import Planned
    from trigpoint.core.scene import Scene
    from trigpoint.mapping.scene_map import SceneMap

_LOGGER = logging.getLogger(__name__)


class Words(tuple[str, ...]):
    """Words of the command line."""


# tyro checks the defaults of X | None and of tuple[str, ...] with typeguard, which takes as long to import as an image takes
# to encode; those of Optional and of a class it checks by itself.
OptionalText = Optional[str]  # noqa: UP045
OptionalPath = Optional[Path]  # noqa: UP045
_WORDS = PrimitiveConstructorSpec(
    nargs="*",
    metavar="IMAGE ...",
    instance_from_str=Words,
    is_instance=lambda value: isinstance(value, Words),
    str_from_instance=list,
)
ImagePaths = Annotated[Positional[Words], _WORDS]
Output = Annotated[Path, arg(aliases=["-o"])]
OptionalOutput = Annotated[OptionalPath, arg(aliases=["-o"])]
MapPath = Annotated[Positional[Path], arg(metavar="MAP")]
ScenePath = Annotated[Positional[Path], arg(metavar="SCENE")]


@dataclass(frozen=True)
class SceneOptions:
    """How the images and poses of a scene are read.

    Attributes:
        format: format of the scene (docs/formats.md); found out if not given.
        holdout: images held out for evaluation: every:N:K, blocks:A-B,... or sequence:NAME; if not given, the rule kept in
            the map, or else the scene's own.
        skip_invalid: leave out images that cannot be used instead of stopping at them.
        poses: read poses as opencv-c2w, opengl-c2w, opencv-w2c, opengl-w2c, opencv-w2c-centre or opengl-w2c-centre, not as
            the format says, or use them as-they-are although they do not fit the images; if not given, what is kept in the
            map.
        images: folder that the images are in, if it is not the one that the files of the scene name.
        scale_intrinsics: fit the cameras to images that are resized copies of those that the poses were computed from.
    """

    format: str | None = None
    holdout: str | None = None
    skip_invalid: bool = False
    poses: str | None = None
    images: OptionalPath = None
    scale_intrinsics: bool = False

    def open(self, path: Path, *, metric: bool | None = None) -> Scene:
        """The scene with the images held out that the user named; ``metric`` as ``open_scene``.

        Raises:
            ConfigError: a rule that is none (TP-715, TP-716) or does not fit the scene (TP-717 to TP-719); no convention
                of poses (TP-727).
            SceneError, GeometryError, ImageError: as ``open_scene`` and ``read_poses_as``.
        """
        from trigpoint.formats.conventions import check_convention, read_poses_as
        from trigpoint.formats.readers import open_scene

        if self.poses is not None:
            check_convention(self.poses)
        scene = open_scene(
            path,
            format=self.format,
            holdout=self.holdout,
            skip_invalid=self.skip_invalid,
            metric=metric,
            images=self.images,
            scale_intrinsics=self.scale_intrinsics,
        )
        return scene if self.poses is None else read_poses_as(scene, self.poses)

    def open_with(self, path: Path, scene_map: SceneMap) -> Scene:
        """The scene in the unit of a map, read and split as the user says, or else as its map. Raises as ``open``."""
        from trigpoint.evaluation.splits import read_as_map

        return read_as_map(self.open(path, metric=scene_map.metric), scene_map)


@dataclass(frozen=True)
class MappingSceneOptions(SceneOptions):
    """How the images and poses of a scene are read, and in which unit.

    Attributes:
        metric: whether one unit of the poses is one metre; what the format says if not given.
    """

    metric: bool | None = None

    def open(self, path: Path, *, metric: bool | None = None) -> Scene:
        """As ``SceneOptions.open``, in the unit that the user says."""
        return super().open(path, metric=self.metric if metric is None else metric)


@dataclass(frozen=True)
class ProgressOptions:
    """What is said beside the results.

    Attributes:
        quiet: show no progress.
    """

    quiet: bool = False

    def begin(self) -> None:
        """Show messages and progress, or neither."""
        from trigpoint.core.terminal import set_quiet

        set_quiet(self.quiet)


@dataclass(frozen=True)
class OutputOptions(ProgressOptions):
    """What is said, and written as JSON.

    Attributes:
        json: file to write the results to, as JSON.
    """

    json: OptionalPath = None

    def begin(self, *outputs: Planned, inputs: Sequence[Path] = ()) -> None:
        """As ``ProgressOptions.begin``; then refuse outputs that cannot be written, before the work.

        Args:
            outputs: what will be written beside the JSON file.
            inputs: files that will be read, which no output may replace.

        Raises:
            OutputError: TP-801, TP-804.
        """
        from trigpoint.core.output import Planned, check_outputs

        super().begin()
        check_outputs([*outputs, Planned(self.json, "json")], inputs)

    def write(self, document: Any) -> None:
        """Write the results as JSON, if a file was named.

        Raises:
            OutputError: TP-801.
        """
        from trigpoint.core.artifact import write_json

        if self.json is not None:
            write_json(self.json, document)


@dataclass(frozen=True)
class DeviceOptions(ProgressOptions):
    """Where the work is done, and what is said beside the results.

    Attributes:
        device: cpu or cuda; if not given, maps are made on a GPU where there is one, and images localized on the CPU.
    """

    device: OptionalText = None

    @property
    def query_device(self) -> str:
        """The device to localize images on."""
        return self.device or "cpu"


@dataclass(frozen=True)
class RunOptions(OutputOptions, DeviceOptions):
    """Where the work is done, what is said, and written as JSON."""


def note(text: str) -> None:
    """Say something beside the results, on standard error."""
    _LOGGER.info(text)
