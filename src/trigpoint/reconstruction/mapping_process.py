"""The process that runs one of COLMAP's mappers; ``mapper.run_mapper`` starts it.

``python -m trigpoint.reconstruction.mapping_process MAPPER DATABASE OUTPUT SEED THREADS`` writes numbered models into
OUTPUT, COLMAP's log to standard error, and a line ``registered N`` to standard output with each image that the incremental
mapper registers.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any


def main(mapper: str, database: Path, output: Path, seed: int, threads: int) -> None:
    """What the process does."""
    import pycolmap

    if mapper == "global":
        _map_globally(pycolmap, database, output, seed, threads)
    else:
        _map_incrementally(pycolmap, database, output, seed, threads)


def _map_globally(pycolmap: Any, database: Path, output: Path, seed: int, threads: int) -> None:
    # Calibration changes the database, and another run must not find it changed.
    copy = output / "database.db"
    shutil.copyfile(database, copy)
    with pycolmap.Database.open(copy) as opened:
        guessed = any(not camera.has_prior_focal_length for camera in opened.read_all_cameras())
    if guessed:
        calibration = pycolmap.ViewGraphCalibrationOptions()
        calibration.random_seed = seed
        pycolmap.calibrate_view_graph(copy, calibration)
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = options.mapper.num_threads = threads
    options.random_seed = options.mapper.random_seed = seed
    options.mapper.rotation_averaging.random_seed = seed
    options.mapper.global_positioning.random_seed = seed
    options.mapper.retriangulation.random_seed = seed
    options.mapper.global_positioning.use_gpu = options.mapper.bundle_adjustment.ceres.use_gpu = False
    pycolmap.global_mapping(copy, output, output, options)
    copy.unlink()


def _map_incrementally(pycolmap: Any, database: Path, output: Path, seed: int, threads: int) -> None:
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = options.mapper.num_threads = threads
    options.random_seed = options.mapper.random_seed = options.triangulation.random_seed = seed
    options.min_model_size = 3
    options.extract_colors = False
    registered = 0

    def first_two() -> None:
        nonlocal registered
        registered = 2
        print(f"registered {registered}", flush=True)

    def one_more() -> None:
        nonlocal registered
        registered += 1
        print(f"registered {registered}", flush=True)

    pycolmap.incremental_mapping(
        database, output, output, options, initial_image_pair_callback=first_two, next_image_callback=one_more
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
