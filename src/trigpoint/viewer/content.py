"""What the viewer shows, as plain data: points, mapping cameras, queries, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import SceneError
from trigpoint.core.evenly import evenly
from trigpoint.core.localization import OK
from trigpoint.core.progress import progress
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.scene import TEST, Frame, Scene
from trigpoint.evaluation.learned import learned_text
from trigpoint.evaluation.metrics import Threshold
from trigpoint.evaluation.results import Evaluation
from trigpoint.evaluation.splits import no_images, read_as_map, split_frames
from trigpoint.formats.conventions import read_poses_as
from trigpoint.formats.readers import open_scene
from trigpoint.formats.splits import Split
from trigpoint.localization.batch import image_files
from trigpoint.localization.pointcloud import PointCloud, implicit_points
from trigpoint.mapping.scene_map import SceneMap
from trigpoint.report.pictures import SceneDrawing
from trigpoint.viewer.finder import Finder
from trigpoint.viewer.query import ErrorScale, Query
from trigpoint.viewer.stage import Stage

Array = NDArray[np.float64]

# More cameras than this cover each other and take long to localize.
MAX_QUERIES = 300
# About this fraction of an image's keypoints has a point that fits.
_USUAL_FRACTION = 0.5


@dataclass(frozen=True)
class ContentOptions:
    """What to read and how much.

    Attributes:
        scene: folder that the map was made from, or None.
        queries: folder of images to localize, with poses or without, or None.
        split: ``"test"``, ``"train"`` or ``"all"`` of the queries, where they have poses.
        holdout: another split than the one kept in the map.
        points: how many points to show at most.
        format: format of both folders; None finds out.
        skip_invalid: leave out images that cannot be used.
        poses: convention of the poses of both folders; None: that of the format, or the one kept in the map.
        images: folder of the images of ``scene``, or of ``queries`` where there is no scene, if its files name another.
        scale_intrinsics: fit the cameras to resized copies.
    """

    scene: Path | None = None
    queries: Path | None = None
    split: Split = "test"
    holdout: str | None = None
    points: int = 40_000
    format: str | None = None
    skip_invalid: bool = False
    poses: str | None = None
    images: Path | None = None
    scale_intrinsics: bool = False


@dataclass(frozen=True, eq=False)
class MapDescription:
    """What the viewer says about a map.

    Attributes:
        title: name of its file.
        units: ``"m"`` or ``"units"``.
        facts: label to value.
        stage: the frame to draw in where nothing has a pose.
    """

    title: str
    units: str
    facts: Mapping[str, str]
    stage: Stage


@dataclass(frozen=True, eq=False)
class Content:
    """What the viewer shows.

    Attributes:
        title: name of the map file.
        units: ``"m"`` or ``"units"``.
        facts: about the map, label to value.
        points: coloured points in world.
        drawn: (N,) bool, which of them help; the others are ceilings over the cameras and stray points.
        mapping: mapping images, with poses.
        queries: localized images.
        missing: what cannot be shown, in sentences.
        stage: the frame to draw in.
        error_scale: colours of errors; None when no true pose is known.
    """

    title: str
    units: str
    facts: Mapping[str, str]
    points: PointCloud
    drawn: NDArray[np.bool_]
    mapping: tuple[Frame, ...]
    queries: tuple[Query, ...]
    missing: tuple[str, ...]
    stage: Stage
    error_scale: ErrorScale | None


def load_content(finder: Finder, map_path: Path, options: ContentOptions) -> Content:
    """Read the images, localize the queries, predict the points.

    Raises:
        TrigpointError: as ``open_scene`` and ``split_frames``; a folder without images (TP-742).
    """
    scene_map = finder.localizer.map
    queried, queries_missing = (), []
    if options.queries is not None:
        queried, queries_missing = _queries(finder, options.queries, options)
    mapping: tuple[Frame, ...] = ()
    if options.scene is not None:
        mapping = _open(options.scene, scene_map, options, split=True).for_mapping()
    points = _points(finder, mapping or _localized_frames(queried), options.points)
    about = MapDescription(
        map_path.name,
        scene_map.units,
        _facts(scene_map, map_path),
        Stage.around(scene_map.normalization.origin, scene_map.normalization.scale),
    )
    missing = [*_missing(scene_map, options.scene, mapping, points, options.queries), *queries_missing]
    return make_content(about, points, mapping, queried, missing)


def make_content(
    about: MapDescription,
    points: PointCloud,
    mapping: Sequence[Frame],
    queries: Sequence[Query],
    missing: Sequence[str] = (),
) -> Content:
    """Choose the frame to draw in, the points that help, and the scale of the errors.

    Args:
        about: the map.
        points: coloured points in world, some of which may be stray.
        mapping: mapping images, with poses.
        queries: localized images.
        missing: what cannot be shown, in sentences.
    """
    units = about.units
    true = [query.true_pose for query in queries if query.true_pose is not None]
    poses = [frame.pose() for frame in mapping] + true
    if not poses:
        # Wild poses of rejected images would shrink all else.
        poses = [query.shown_pose for query in queries if query.answer.status == OK and query.shown_pose is not None]
    drawn, stage = np.ones(len(points.xyz), dtype=np.bool_), about.stage
    if poses:
        nothing = Evaluation("", units, "", (), Threshold(math.inf, 180.0), ())
        drawing = SceneDrawing.of(nothing, poses, points)
        points, drawn = PointCloud(drawing.all_points, drawing.all_rgb), drawing.drawn
        stage = Stage.of(poses, drawing.points)
    centres = np.array([pose.centre() for pose in poses]).reshape(-1, 3)
    scale = ErrorScale.of(units == "m", centres) if true else None
    return Content(
        about.title, units, about.facts, points, drawn, tuple(mapping), tuple(queries), tuple(missing), stage, scale
    )


def _queries(finder: Finder, folder: Path, options: ContentOptions) -> tuple[tuple[Query, ...], list[str]]:
    scene_map = finder.localizer.map
    frames = _query_frames(folder, scene_map, options)
    chosen, missing = [frames[index] for index in evenly(len(frames), MAX_QUERIES)], []
    if len(chosen) < len(frames):
        missing.append(f"{len(chosen)} of the {len(frames)} images to localize are shown, evenly chosen.")
    queries = []
    with progress("localizing", len(chosen)) as advance:
        for name, path, frame in chosen:
            camera, pose = (None, None) if frame is None else (frame.camera, frame.cam_from_world)
            queries.append(finder.locate(path, name, camera, pose))
            advance()
    learned = sum(
        scene_map.learned.knows_file(path) if frame is None else scene_map.learned.knows(frame) for _, path, frame in chosen
    )
    if learned:
        missing.append(f"{learned_text(learned, len(chosen))}.")
    if all(query.true_pose is None for query in queries):
        missing.append("The true poses of the images are not known: they are coloured by verdict.")
    return tuple(queries), missing


def _query_frames(folder: Path, scene_map: SceneMap, options: ContentOptions) -> list[tuple[str, Path, Frame | None]]:
    """Name, file and, where there is one, frame of the images to localize."""
    try:
        scene = _open(folder, scene_map, options, split=options.split != "all")
    except SceneError as error:
        # No format recognised: then it is a folder of images, or nothing.
        if error.code != "TP-202" or not folder.is_dir() or options.format is not None:
            raise
        return [(file.relative_to(folder).as_posix(), file, None) for file in image_files([str(folder)])]
    if options.split == "test" and not scene.subset(TEST).posed():
        fix = "Map again with --holdout every:8:0, name another folder, or show the mapping images: --split train."
        raise no_images(scene, options.split, fix)
    frames = scene.frames if options.split == "all" else split_frames(scene, options.split)
    return [(frame.name, frame.image_path, frame) for frame in frames]


def _open(folder: Path, scene_map: SceneMap, options: ContentOptions, *, split: bool) -> Scene:
    scene = open_scene(
        folder,
        format=options.format,
        holdout=options.holdout if split else None,
        skip_invalid=options.skip_invalid,
        metric=scene_map.metric,
        images=options.images if folder == (options.scene or options.queries) else None,
        scale_intrinsics=options.scale_intrinsics,
    )
    if options.poses is not None:
        scene = read_poses_as(scene, options.poses)
    return read_as_map(scene, scene_map, split=split)


def _points(finder: Finder, frames: Sequence[Frame], limit: int) -> PointCloud:
    if not frames:
        return PointCloud(np.zeros((0, 3)), np.zeros((0, 3), np.uint8))
    images = math.ceil(limit / (_USUAL_FRACTION * finder.localizer.map.config.features.query_keypoints))
    cloud = implicit_points(finder.localizer, frames, max_images=max(images, 8))
    if len(cloud.xyz) <= limit:
        return cloud
    chosen = np.sort(numpy_generator(0, "viewer", "points").choice(len(cloud.xyz), limit, replace=False))
    return PointCloud(cloud.xyz[chosen], cloud.rgb[chosen])


def _localized_frames(queries: Sequence[Query]) -> list[Frame]:
    """Queries that were localized, as images to predict points from."""
    answers = [(query, query.answer) for query in queries if query.answer.status == OK]
    return [
        Frame(query.name, query.image_path, answer.camera, answer.cam_from_world)
        for query, answer in answers
        if answer.camera is not None and answer.cam_from_world is not None
    ]


def _missing(
    scene_map: SceneMap, scene: Path | None, mapping: Sequence[Frame], points: PointCloud, queries: Path | None
) -> list[str]:
    built = scene_map.built_from
    if scene is not None:
        if (scene.resolve().name, len(mapping)) == (built["scene"], built["images"]):
            return []
        return [
            f"This scene has {len(mapping)} mapping images; the map was made from {built['images']} images of "
            f"'{built['scene']}'. If it is another scene, the cameras do not fit the map."
        ]
    lines = [
        "A map holds no images and no poses: the mapping cameras are not shown. "
        f"Give --scene with the folder of '{built['scene']}' to see them."
    ]
    if len(points.xyz):
        lines.append("The points come from the localized images alone.")
    elif queries is None:
        lines.append("There are no points yet: locate an image to see those that it agrees with.")
    return lines


def _facts(scene_map: SceneMap, path: Path) -> dict[str, str]:
    built = scene_map.built_from
    return {
        "map": f"{scene_map.map_id}, {path.stat().st_size / 1e6:.2f} MB",
        "preset": f"{scene_map.config.preset}, {scene_map.config.features.encoder}",
        "made from": f"{built['images']} images of '{built['scene']}'",
        "units": "metres" if scene_map.metric else "of unknown length",
    }


def with_query(content: Content, query: Query) -> Content:
    """The same with one more image."""
    return replace(content, queries=(*content.queries, query))
