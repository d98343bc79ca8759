"""Overlap of images from poses and cameras alone: how much of what one image sees another sees too (R-SCoRe, section 3.1).

Points are sampled in front of image i; each that image j sees counts with weight (1 + cos) / 2, where cos is taken between
the directions from both cameras to the point. The mean over the samples is o_ij, and the harmonic mean of o_ij and o_ji the
overlap of the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from trigpoint.core.progress import Advance, progress
from trigpoint.core.randomness import numpy_generator
from trigpoint.core.scene import Frame
from trigpoint.covisibility.depth_range import DepthRange
from trigpoint.covisibility.frusta import Frusta

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Indices = NDArray[np.int32]
Pairs = tuple[Indices, Array32]

Method = Literal["published", "frustum"]

SAMPLES = 1024
# Values of all pairs that are computed at once, and by one matrix product.
_CHUNK, _PRODUCT = 1 << 16, 1 << 15
# Culling forgives this fraction of the farthest depth, far more than the rounding of float32.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Sampling:
    """Random points in front of each image, at which overlap is measured.

    Attributes:
        count: points S of each image. All images share the same S depths.
        seed: names the points.
    """

    count: int = SAMPLES
    seed: int = 0


def overlap_scores(
    frames: Sequence[Frame],
    depths: DepthRange,
    *,
    method: Method = "published",
    floor: float = 0.2,
    sampling: Sampling = Sampling(),
    direction_weight: bool = False,
) -> sparse.csr_array:
    """Overlaps, 0 to 1, of all pairs of images that reach ``floor``.

    ``"published"`` samples as the released code of R-SCoRe does: (u, v, z) with (u, v) uniform in the bounds of the image in
    normalised image coordinates and z uniform in the depth range, where u and v are not multiplied by z. So the samples
    fill a square prism about the optical axis. ``"frustum"`` samples (u z, v z, z), which is what the image sees.

    Pairs are left out without sampling only where no sample of one image can be seen by the other, or where o_ij alone shows
    that the pair stays below ``floor``: the result is that of sampling every pair.

    Args:
        frames: N posed frames. The samples of a frame depend on its name, not on its place in the list.
        depths: range of depths along the optical axis that is sampled, and in which an image sees points, world units.
        method: ``"published"`` or ``"frustum"``.
        floor: smaller overlaps are left out, 0 < floor <= 1.
        sampling: the sampled points.
        direction_weight: multiply by the cosine between the viewing directions, at least 0.

    Returns:
        (N, N) symmetric float32 matrix with an empty diagonal.

    Raises:
        SceneError: a frame has no pose (TP-204).
    """
    names = [frame.name for frame in frames]
    sampler = _Overlap(Frusta.of(frames, depths), names, method == "frustum", sampling, direction_weight)
    # With o_ji <= 1, s = 2 o_ij o_ji / (o_ij + o_ji) reaches the floor only if o_ij does this.
    least = floor / (2 - floor)
    with progress("Overlap", 2 * len(names)) as advance:
        one_way = _each(len(names), lambda index: sampler.seen_by(index, sampler.candidates(index), least), advance)
        incoming = _matrix(one_way, len(names)).tocsc()
        incoming.sort_indices()
        del one_way
        both = _each(len(names), lambda index: _mean(sampler, index, incoming, least, floor), advance)
    lower = _matrix(both, len(names))
    result = sparse.csr_array(lower + lower.T)
    result.sort_indices()
    return result


def _mean(sampler: _Overlap, index: int, incoming: sparse.csc_array, least: float, floor: float) -> Pairs:
    """The overlaps of image j with all i for which ``incoming`` holds o_ij, where they reach the floor."""
    column = slice(incoming.indptr[index], incoming.indptr[index + 1])
    others, forward = incoming.indices[column].astype(np.int32), incoming.data[column]
    seeing, backward = sampler.seen_by(index, others, least)
    forward = forward[np.searchsorted(others, seeing)]
    score = 2 * forward * backward / (forward + backward) * sampler.agreement(index, seeing)
    return seeing[score >= floor], score[score >= floor]


def _each(count: int, work: Callable[[int], Pairs], advance: Advance) -> list[Pairs]:
    """``work`` for every image, on as many threads as torch uses. The results do not depend on their number."""

    def results() -> Iterator[Pairs]:
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for result in pool.map(work, range(count)):
                advance()
                yield result

    return list(results())


class _Overlap:
    """The samples and planes of all images, in float32 and relative to the middle of the cameras."""

    def __init__(
        self, frusta: Frusta, names: Sequence[str], scaled: bool, sampling: Sampling, direction_weight: bool
    ) -> None:
        self.frusta, self.names, self.scaled, self.direction_weight = frusta, names, scaled, direction_weight
        self.samples, self.seed = sampling.count, sampling.seed
        near, far = frusta.depths.near, frusta.depths.far
        self.z = numpy_generator(self.seed, "overlap", "depths").uniform(near, far, self.samples)
        self.rows = frusta.rows.astype(np.float32)
        # About the middle of the cameras: world coordinates may be those of the whole earth, too long for float32.
        self.centres = frusta.centres - frusta.centres.mean(axis=0)
        corners = frusta.corners(scaled) - frusta.centres.mean(axis=0)
        # Corner by corner, so that whole rows of images are compared at once.
        constants = -(frusta.rows @ self.centres[:, :, None])
        planes = np.concatenate([frusta.rows, constants], axis=2)
        self.planes = np.ascontiguousarray(planes.transpose(1, 2, 0), dtype=np.float32)
        corners = np.concatenate([corners, np.ones((len(names), 8, 1))], axis=2)
        self.corners = np.ascontiguousarray(corners.transpose(1, 2, 0), dtype=np.float32)
        self.slack = np.float32(_TOLERANCE * (far + float(np.abs(self.centres).max(initial=0.0))))

    def agreement(self, index: int, others: Indices) -> Array32:
        """Cosines between viewing directions, at least 0, if overlaps are to be multiplied by them; otherwise 1."""
        if not self.direction_weight:
            return np.ones(len(others), dtype=np.float32)
        axes = self.frusta.world_from_cam[:, :, 2]
        return (axes[others] @ axes[index]).clip(0, 1).astype(np.float32)

    def candidates(self, index: int) -> Indices:
        """Images after ``index`` for which neither o_ij nor o_ji must be 0.

        If all corners of a convex volume lie outside one plane of a frustum, so do all samples in it.
        """
        after = slice(index + 1, None)
        seen = self.corners[:, :, index] @ self.planes[:, :, after]
        sees = self.planes[:, :, index] @ self.corners[:, :, after]
        keep = self._meets(*seen) & self._meets(*sees.transpose(1, 0, 2))
        return (np.flatnonzero(keep) + index + 1).astype(np.int32)

    def _meets(self, a: Array32, b: Array32, depth: Array32) -> NDArray[np.bool_]:
        """From (8, J) values of ``Frusta.rows`` at corners: whether no plane has all corners outside."""
        near, far = self.frusta.depths.near - self.slack, self.frusta.depths.far + self.slack
        meets = (depth.max(axis=0) > near) & (depth.min(axis=0) < far)
        for sideways in (a, b):
            meets &= ((depth - sideways).max(axis=0) > -self.slack) & ((depth + sideways).max(axis=0) > -self.slack)
        return meets

    def samples_of(self, index: int) -> Array:
        """(3, S) samples of an image, relative to its centre, in world axes."""
        generator = numpy_generator(self.seed, "overlap", self.names[index])
        lower, upper = self.frusta.lower[index], self.frusta.upper[index]
        sideways = lower[:, None] + (upper - lower)[:, None] * generator.random((2, self.samples))
        in_camera = np.concatenate([sideways * self.z if self.scaled else sideways, self.z[None]])
        return self.frusta.world_from_cam[index] @ in_camera

    def seen_by(self, index: int, others: Indices, least: float) -> Pairs:
        """o_ij of one image with others, where it is ``least`` or more."""
        points, shift = self.samples_of(index), self.centres[index] - self.centres[others]
        constants = self.frusta.rows[others] @ shift[:, :, None]
        rows = np.concatenate([self.rows[others], constants], axis=2, dtype=np.float32).transpose(1, 0, 2)
        cosines = _Cosines(points, shift)
        homogeneous = np.concatenate([points, np.ones((1, self.samples))], dtype=np.float32)
        seeing, scores = [np.zeros(0, dtype=np.int32)], [np.zeros(0, dtype=np.float32)]
        size = max(1, _CHUNK // self.samples)
        for chunk in (slice(start, start + size) for start in range(0, len(others), size)):
            a, b, depth = (_product(row[chunk], homogeneous) for row in rows)
            inside = _inside(a, b, depth, self.frusta.depths)
            count = np.count_nonzero(inside, axis=1)
            # No weight is above 1, so a pair with too few samples inside needs none.
            possible = np.flatnonzero(count >= least * self.samples)
            score = ((count[possible] + cosines.sums(chunk, possible, inside)) / (2 * self.samples)).astype(np.float32)
            seeing.append(others[chunk][possible][score >= least])
            scores.append(score[score >= least])
        return np.concatenate(seeing), np.concatenate(scores)


class _Cosines:
    """Cosines between the directions from two cameras to the samples of one of them.

    Args:
        points: (3, S) samples relative to their camera.
        shift: (J, 3) that camera's centre relative to each other camera's.
    """

    def __init__(self, points: Array, shift: Array) -> None:
        # Both |p| cos and |p + shift|^2 are matrix products, and the cosine needs no more than one root each.
        length = np.linalg.norm(points, axis=0)
        one, ones = np.ones((len(shift), 1)), np.ones_like(length)
        square = np.square(shift).sum(axis=1, keepdims=True)
        self.projected = np.concatenate([shift, one], axis=1, dtype=np.float32)
        self.by_projected = np.stack([*(points / length), length], dtype=np.float32)
        self.distance2 = np.concatenate([2 * shift, square, one], axis=1, dtype=np.float32)
        self.by_distance2 = np.stack([*points, ones, np.square(length)], dtype=np.float32)

    def sums(self, chunk: slice, rows: NDArray[np.intp], inside: NDArray[np.bool_]) -> Array32:
        """(R,) sums of the cosines of the samples inside, for (R,) rows of a chunk of J cameras and (J, S) ``inside``."""
        cosine = _product(self.projected[chunk][rows], self.by_projected)
        distance2 = _product(self.distance2[chunk][rows], self.by_distance2)
        # Rounding may make the square negative at the other camera's centre, which is never inside.
        cosine /= np.sqrt(np.abs(distance2, out=distance2), out=distance2)
        return np.einsum("js,js->j", cosine, inside[rows].astype(np.float32))


def _product(left: Array32, right: Array32) -> Array32:
    """A matrix product in parts so small that the BLAS libraries start no threads, which would compete with ours."""
    result = np.empty((len(left), right.shape[1]), dtype=np.float32)
    size = max(1, _PRODUCT // right.shape[1])
    for start in range(0, len(left), size):
        np.matmul(left[start : start + size], right, out=result[start : start + size])
    return result


def _inside(a: Array32, b: Array32, depth: Array32, depths: DepthRange) -> NDArray[np.bool_]:
    """(J, S) whether samples are seen, from the values of ``Frusta.rows``, of which the first two are overwritten."""
    sideways = np.maximum(np.abs(a, out=a), np.abs(b, out=b), out=a)
    inside = sideways < depth
    inside &= depth > np.float32(depths.near)
    inside &= depth < np.float32(depths.far)
    return inside


def _matrix(rows: list[Pairs], size: int) -> sparse.csr_array:
    indptr = np.concatenate([[0], np.cumsum([len(columns) for columns, _ in rows])])
    indices = np.concatenate([np.zeros(0, dtype=np.int32), *(columns for columns, _ in rows)])
    values = np.concatenate([np.zeros(0, dtype=np.float32), *(score for _, score in rows)])
    return sparse.csr_array((values, indices, indptr), shape=(size, size))
