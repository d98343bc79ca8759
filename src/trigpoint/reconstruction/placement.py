"""The best model that a mapper made, without images that hang on next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import GeometryError
from trigpoint.formats.colmap_model import load_model
from trigpoint.reconstruction.images import SourceImage
from trigpoint.reconstruction.scale import Similarity

# COLMAP's own minimum for a verified pair. The global mapper registers every image that is connected at all; one that shares
# fewer points than this with the result has a pose by chance, and so has a group.
MIN_POINTS = 15


@dataclass(frozen=True, eq=False)
class Placement:
    """Placed images.

    Attributes:
        mapper: ``"global"`` or ``"incremental"``.
        model: the ``pycolmap.Reconstruction``, with the names of the images.
        registered: image ids of registered images.
        weak: image ids of images taken out again, with the number of points they shared with the rest.
        others: numbers of images of further models that are not connected with this one.
    """

    mapper: str
    model: Any
    registered: frozenset[int]
    weak: dict[int, int]
    others: tuple[int, ...]

    def centres(self) -> dict[str, NDArray[np.float64]]:
        """(3,) camera centre of each registered image, by name, sorted."""
        images = sorted((self.model.image(number) for number in self.registered), key=lambda image: str(image.name))
        return {str(image.name): np.asarray(image.projection_center(), dtype=np.float64) for image in images}

    def transform(self, similarity: Similarity) -> None:
        """Move and scale the model."""
        import pycolmap

        rotation = pycolmap.Rotation3d(similarity.rotation)
        self.model.transform(pycolmap.Sim3d(similarity.scale, rotation, similarity.translation))


def load_placement(mapper: str, folders: Sequence[Path], images: Sequence[SourceImage]) -> Placement | None:
    """The model with the most registered images; None if there is none with three.

    Raises:
        SceneError: a model that cannot be read, as ``load_model``.
    """
    models = sorted((load_model(folder) for folder in folders), key=lambda model: -model.num_reg_images())
    if not models:
        return None
    model = models[0]
    weak = take_out_weak_images(model)
    registered = frozenset(int(number) for number in model.reg_image_ids())
    if len(registered) < 3:
        return None
    for number in list(model.images):
        model.images[number].name = images[number - 1].name
    others = tuple(int(other.num_reg_images()) for other in models[1:])
    return Placement(mapper, model, registered, weak, others)


def take_out_weak_images(model: Any) -> dict[int, int]:
    """Take out images that share too few points with the rest; image ids with the number of points shared."""
    weak: dict[int, int] = {}
    # Taking one image out takes points from others.
    while True:
        points = {int(number): int(model.image(number).num_points3D) for number in model.reg_image_ids()}
        bad = {number: count for number, count in points.items() if count < MIN_POINTS or not _is_possible(model, number)}
        bad = bad or outside_the_largest_group(model)
        if not bad:
            return weak
        weak |= bad
        for number in bad:
            model.deregister_frame(model.image(number).frame_id)


def outside_the_largest_group(model: Any) -> dict[int, int]:
    """Image ids of registered images that no chain of images with ``MIN_POINTS`` common points connects with most others.

    The global mapper may put two groups into one model that hardly share points: where one stands in the other's frame, and
    how large it is, is then arbitrary.

    Returns:
        With the number of points that each shares with the largest group.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    numbers = np.array(sorted(int(number) for number in model.reg_image_ids()))
    seen = [sorted({int(element.image_id) for element in point.track.elements}) for point in model.points3D.values()]
    if len(numbers) == 0 or not seen:
        return {}
    rows = np.searchsorted(numbers, np.concatenate(seen))
    columns = np.repeat(np.arange(len(seen)), [len(images) for images in seen])
    shape = (len(numbers), len(seen))
    incidence = sparse.csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=shape)
    shared = (incidence @ incidence.T).tocsr()
    _, group = connected_components(shared >= MIN_POINTS, directed=False)
    inside = group == np.bincount(group).argmax()
    # A point counts once, however many images of the group show it.
    of_group = np.asarray(incidence[inside].sum(axis=0)).ravel() > 0
    common = incidence @ of_group.astype(np.int64)
    return {int(number): int(count) for number, count, ok in zip(numbers, common, inside, strict=True) if not ok}


def _is_possible(model: Any, number: int) -> bool:
    """Whether pose and camera came out as finite, possible numbers."""
    from trigpoint.core.camera import Camera

    image = model.image(number)
    camera = image.camera
    try:
        Camera(str(camera.model_name), int(camera.width), int(camera.height), tuple(float(value) for value in camera.params))
    except GeometryError:
        return False
    return bool(np.isfinite(image.cam_from_world().matrix()).all())
