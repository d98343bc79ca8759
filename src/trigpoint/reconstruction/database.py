"""The COLMAP database of a reconstruction: cameras, images, features and verified matches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trigpoint.reconstruction.images import SourceImage

CAMERA_MODEL = "SIMPLE_RADIAL"
# COLMAP's own guess where EXIF says nothing: 1.2 longer sides.
_GUESSED_FOCAL_PER_SIDE = 1.2
_CREDIBLE_PER_SIDE = (0.2, 20.0)


def create_database(path: Path, sources: Sequence[SourceImage], camera: str) -> None:
    """Write a database with cameras and images but no features; appears whole or not at all.

    Image ids follow the order of the images, from 1, and so do the names, because COLMAP's list of pairs cannot hold names
    with spaces; ``placement.load_placement`` puts the names of the images back.

    Args:
        path: file to write.
        sources: sorted by name.
        camera: ``ReconstructionOptions.camera``.
    """
    import pycolmap

    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    cameras: dict[tuple[Any, ...], tuple[int, int]] = {}
    with pycolmap.Database.open(temporary) as database:
        for index, source in enumerate(sources, start=1):
            key = _camera_key(source, camera)
            if key not in cameras:
                cameras[key] = _write_camera(database, source)
            camera_id, rig_id = cameras[key]
            image = pycolmap.Image(name=str(index), camera_id=camera_id, image_id=index)
            database.write_image(image, use_image_id=True)
            frame = pycolmap.Frame()
            frame.frame_id, frame.rig_id = index, rig_id
            frame.add_data_id(image.data_id)
            database.write_frame(frame, use_frame_id=True)
    temporary.replace(path)


def _camera_key(image: SourceImage, camera: str) -> tuple[Any, ...]:
    size = (image.width, image.height)
    return {"auto": (*size, image.device), "shared": size, "per-image": (image.name,)}[camera]


def _write_camera(database: Any, image: SourceImage) -> tuple[int, int]:
    """(camera id, rig id) of a new camera in a rig of its own."""
    import pycolmap

    side = max(image.width, image.height)
    known = _exif_focal_px(image)
    focal = known or _GUESSED_FOCAL_PER_SIDE * side
    camera = pycolmap.Camera.create_from_model_name(0, CAMERA_MODEL, focal, image.width, image.height)
    camera.has_prior_focal_length = known is not None
    camera.camera_id = database.write_camera(camera)
    rig = pycolmap.Rig()
    rig.add_ref_sensor(camera.sensor_id)
    return camera.camera_id, database.write_rig(rig)


def _exif_focal_px(image: SourceImage) -> float | None:
    """The focal length, px, that COLMAP derives from EXIF and its table of sensors."""
    import pycolmap

    if not image.device:
        return None
    try:
        camera = pycolmap.infer_camera_from_image(image.path)
    except (ValueError, RuntimeError):
        return None
    side = max(image.width, image.height)
    focal = float(camera.mean_focal_length()) if camera.has_prior_focal_length else 0.0
    credible = _CREDIBLE_PER_SIDE[0] * side < focal < _CREDIBLE_PER_SIDE[1] * side
    return focal if credible and {camera.width, camera.height} == {image.width, image.height} else None


def keypoint_counts(path: Path) -> dict[int, int]:
    """Number of keypoints of each image, by its image id."""
    import pycolmap

    with pycolmap.Database.open(path) as database:
        return {image.image_id: database.num_keypoints_for_image(image.image_id) for image in database.read_all_images()}


def verified_pairs(path: Path) -> dict[tuple[int, int], int]:
    """Number of matches that agree with one geometry, for each pair of image ids that has any, the smaller first."""
    import pycolmap

    with pycolmap.Database.open(path) as database:
        ids, counts = database.read_two_view_geometry_num_inliers()
    result: dict[tuple[int, int], int] = {}
    for pair_id, count in zip(ids, counts, strict=True):
        first, second = sorted(pycolmap.pair_id_to_image_pair(pair_id))
        if count > 0:
            result[first, second] = int(count)
    return result
