"""The verb ``reconstruct``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from trigpoint.commands.options import Flag, Output, write_document
from trigpoint.core.terminal import set_quiet


def reconstruct(
    images: Positional[Path],
    /,
    *,
    output: Output,
    frames: int | None = None,
    every: float | None = None,
    camera: Literal["auto", "shared", "per-image"] = "auto",
    pairs: Literal["auto", "exhaustive", "neighbours"] = "auto",
    mapper: Literal["auto", "global", "incremental"] = "auto",
    scale_distance: tuple[str, str, float] | None = None,
    gps: Flag = False,
    seed: int = 0,
    threads: int = 0,
    skip_invalid: Flag = False,
    fresh: Flag = False,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """Find the poses of images or of a video, and write a scene for map. Interrupted, the same command continues.

    Args:
        images: folder with images, or a video file.
        output: folder to write: images, sparse/0 and trigpoint.json. Must not exist yet.
        frames: number of frames to choose from a video.
        every: seconds between the frames chosen from a video; 0.5 if not given.
        camera: auto: images of one size and one camera by EXIF share their intrinsics; shared: all of one size do;
            per-image: none do.
        pairs: exhaustive: compare all images with all (up to 150 images the default); neighbours: those near in the order of
            names, by looks and by GPS.
        mapper: global, incremental, or auto: incremental as well if global scenes clearly fewer images than it could.
        scale_distance: two images and the distance between their cameras in metres; makes the scene metric.
        gps: take scale and orientation from the GPS positions of the images; makes the scene metric.
        seed: seed of every random number.
        threads: CPU threads; 0: all.
        skip_invalid: leave out images that cannot be decoded instead of stopping at them.
        fresh: start again instead of continuing an interrupted run.
        quiet: show no progress.
        json: file to write the account to.
    """
    from trigpoint.core.interrupt import stop_on_signals
    from trigpoint.core.job import JobControl
    from trigpoint.reconstruction import ReconstructionOptions
    from trigpoint.reconstruction import reconstruct as run

    set_quiet(quiet)
    options = ReconstructionOptions(
        camera=camera,
        mapper=mapper,
        pairs=pairs,
        frames=frames,
        every=every,
        scale_distance=scale_distance,
        gps=gps,
        seed=seed,
        threads=threads,
        skip_invalid=skip_invalid,
    )
    with stop_on_signals() as stop:
        report = run(images, output, options=options, control=JobControl(fresh, stop))
    print("\n".join(report.lines()))
    write_document(json, report.to_json())
    return 0
