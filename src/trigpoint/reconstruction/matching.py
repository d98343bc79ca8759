"""Compares pairs of images: matches their descriptors and keeps those that agree with one geometry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from trigpoint.core.interrupt import Interrupted, StopRequest
from trigpoint.core.progress import progress
from trigpoint.reconstruction.options import ReconstructionOptions

# Ctrl-C is answered between steps.
_STEP_S = 2.0
_FIRST_STEP, _LARGEST_STEP = 5, 500


def match_pairs(
    database_path: Path, pairs: Sequence[tuple[int, int]], options: ReconstructionOptions, stop: StopRequest
) -> None:
    """Match pairs of images, by image id, and verify them; pairs that are in the database already are not done again.

    Raises:
        Interrupted: on request; finished pairs stay in the database.
    """
    import pycolmap

    matching = pycolmap.FeatureMatchingOptions()
    matching.use_gpu = False
    matching.num_threads = options.thread_count
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = options.colmap_seed("matching")
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = database_path.with_name("pairs.txt")
    todo = _not_done(database_path, pairs)
    with progress("Matching images", len(pairs), start=len(pairs) - len(todo)) as advance:
        size = _FIRST_STEP
        while todo:
            step, todo = todo[:size], todo[size:]
            began = time.monotonic()
            pairing.match_list_path.write_text("".join(f"{first} {second}\n" for first, second in step))
            pycolmap.match_image_pairs(database_path, matching, pairing, verification, pycolmap.Device.cpu)
            size = min(max(1, round(size * _STEP_S / max(time.monotonic() - began, 1e-3))), 2 * size, _LARGEST_STEP)
            advance(len(step))
            if stop:
                raise Interrupted
    pairing.match_list_path.unlink(missing_ok=True)


def _not_done(database_path: Path, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    import pycolmap

    with pycolmap.Database.open(database_path) as database:
        return [pair for pair in pairs if not database.exists_two_view_geometry(*pair)]
