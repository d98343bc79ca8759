"""The whole reconstruction on one screen: images -> features -> pairs -> poses -> scale -> scene."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trigpoint.core.errors import OutputError, SceneError
from trigpoint.core.job import Job, JobControl, open_job
from trigpoint.core.scene import Problem
from trigpoint.reconstruction.account import Unregistered, account_for, largest_group, summary
from trigpoint.reconstruction.database import create_database, keypoint_counts, verified_pairs
from trigpoint.reconstruction.features import extract_features
from trigpoint.reconstruction.images import (
    SourceImage,
    check_count,
    check_invalid,
    image_paths,
    invalid_problems,
    read_headers,
    unread_problems,
)
from trigpoint.reconstruction.mapper import run_mapper
from trigpoint.reconstruction.matching import match_pairs
from trigpoint.reconstruction.options import ReconstructionOptions
from trigpoint.reconstruction.output import REFERRED, write_scene
from trigpoint.reconstruction.pairs import choose_pairs
from trigpoint.reconstruction.placement import Placement, load_placement
from trigpoint.reconstruction.report import ReconstructionReport
from trigpoint.reconstruction.scale import MetricScale, check_scale_options, scale_from_distance, scale_from_gps
from trigpoint.reconstruction.silence import errors_only
from trigpoint.reconstruction.video import choose_frames, is_video

_LOGGER = logging.getLogger(__name__)
# What COLMAP says when its database or a file of its own cannot be read or written.
_OF_FILES = re.compile(r"SQLite|database|\bfile\b|stream|No space", re.IGNORECASE)

# The incremental mapper is tried too when the global one registers fewer of the connected images than this.
_MIN_REGISTERED = 0.9


def reconstruct(
    images: str | Path,
    output: str | Path,
    *,
    options: ReconstructionOptions | None = None,
    control: JobControl | None = None,
) -> ReconstructionReport:
    """Find the poses of images, or of sharp frames of a video, and write a scene that the other verbs read.

    Interrupted, the same call continues from ``OUTPUT.work``.

    Args:
        images: folder with images, or a video file.
        output: folder to write; must not exist, or be empty.
        options: None: ``ReconstructionOptions()``.
        control: whether to start afresh, and the request to stop; None: continue what was interrupted.

    Raises:
        SceneError: TP-251 to TP-259, see docs/errors.md.
        ImageError: an image that cannot be decoded, unless they are to be skipped (TP-1xx).
        OutputError: the scene cannot be written (TP-801).
        Interrupted: asked to stop; finished work is kept.
    """
    source, target = Path(images), Path(output)
    chosen = options or ReconstructionOptions()
    _check(source, target, chosen)
    busy = SceneError(
        "TP-258", "another reconstruction is writing there", where=target, fix="Wait for it, or name another output."
    )
    with open_job(target, control or JobControl(), busy) as job, errors_only(), _files_of_colmap(job.folder):
        return _Run(source, job, chosen).run()


@contextmanager
def _files_of_colmap(folder: Path) -> Iterator[None]:
    """Say of the files that COLMAP itself reads and writes, its database above all, that this failed."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).strip()
        if not _OF_FILES.search(text):
            raise
        raise OutputError(
            "TP-806",
            f"COLMAP could not read or write its files ({text.splitlines()[-1][:200]})",
            where=folder,
            fix="Check the free space and the disk. The same command continues.",
        ) from error


def _check(source: Path, target: Path, options: ReconstructionOptions) -> None:
    if not source.exists():
        raise SceneError("TP-251", "there is no such folder or video", where=source, fix="Check the path.")
    if not is_video(source) and (options.frames is not None or options.every is not None):
        raise SceneError(
            "TP-259", "frames are only chosen from a video", where=source, fix="Leave --frames and --every out."
        )
    if is_video(source) and options.gps:
        raise SceneError(
            "TP-257",
            "the frames of a video have no GPS positions",
            where=source,
            fix="Measure one distance instead and give --scale-distance.",
        )
    if source.is_file() and not is_video(source):
        raise SceneError("TP-251", "this is neither a folder nor a video file", where=source, fix="Name a folder of images.")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise SceneError(
            "TP-258", "there is something at the output already", where=target, fix="Remove it, or name another output."
        )


@dataclass
class _Run:
    source: Path
    job: Job
    options: ReconstructionOptions
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)

    def run(self) -> ReconstructionReport:
        times = self.job.times
        with times.measure("images"):
            images = self._images()
            check_scale_options(self.options, images)
        database = self.job.folder / "database.db"
        if not database.exists():
            create_database(database, images, self.options.camera)
        with times.measure("features"):
            self._features(database, images)
        with times.measure("matching"):
            pairs = choose_pairs(database, images, self.options.pairs, self.options.seed)
            match_pairs(database, pairs, self.options, self.job.stop)
        with times.measure("mapping"):
            placement = self._scene(database, images)
        scale = self._scale(placement, images)
        if scale is not None:
            placement.transform(scale.similarity)
        return self._finish(database, images, placement, scale)

    def _images(self) -> list[SourceImage]:
        options = self.options
        if is_video(self.source):
            status = self.source.stat()
            record: dict[str, Any] = {"video": [str(self.source.resolve()), status.st_size, status.st_mtime_ns]}
            record |= {"frames": options.frames, "every": options.every}
            self.job.begin(record | self._settings())
            chosen = choose_frames(self.source, self.job.folder / "frames", options.frames, options.every, self.job.stop)
            self.notes.append(chosen.text)
            images, _ = read_headers(self.job.folder / "frames", chosen.files)
            check_count(len(images), self.source)
            return images
        paths = image_paths(self.source)
        images, invalid = read_headers(self.source, paths)
        check_invalid(invalid, len(paths), options.skip_invalid)
        self.problems += [*invalid_problems(invalid), *unread_problems(self.source)]
        check_count(len(images), self.source)
        self.job.begin({"images": [image.fingerprint() for image in images], **self._settings()})
        return images

    def _settings(self) -> dict[str, Any]:
        """What features and matches depend on, beside the images. The rest may change from run to run."""
        import pycolmap

        return {"camera": self.options.camera, "seed": self.options.seed, "pycolmap": pycolmap.__version__}

    def _features(self, database: Path, images: list[SourceImage]) -> None:
        invalid = extract_features(database, images, self.options.thread_count, self.job.stop)
        check_invalid(invalid, len(images), self.options.skip_invalid)
        self.problems += invalid_problems(invalid)
        self.damaged |= {name for name, _ in invalid}
        check_count(len(images) - len(invalid), self.source)

    def _scene(self, database: Path, images: list[SourceImage]) -> Placement:
        options, pairs = self.options, verified_pairs(database)
        possible = largest_group(len(images), pairs)
        first = "incremental" if options.mapper == "incremental" else "global"
        best = self._attempt(first, images) if possible >= 3 else None
        if (
            options.mapper == "auto"
            and possible >= 3
            and (best is None or len(best.registered) < _MIN_REGISTERED * possible)
        ):
            registered = 0 if best is None else len(best.registered)
            _LOGGER.info(
                f"The global mapper registered {registered} of {possible} connected images; trying the incremental one"
            )
            second = self._attempt("incremental", images)
            if second is not None and len(second.registered) > registered:
                best = second
        if best is None:
            raise self._nothing_registered(account_for([p.name for p in images], (), {}, keypoint_counts(database), pairs))
        if best.others:
            counts = ", ".join(map(str, best.others))
            self.notes.append(f"there are {len(best.others)} more groups of images, not connected with the scene ({counts})")
        return best

    def _attempt(self, mapper: str, images: list[SourceImage]) -> Placement | None:
        shutil.rmtree(self.job.folder / mapper, ignore_errors=True)
        folders = run_mapper(mapper, self.job.folder, len(images), self.options, self.job.stop)
        return load_placement(mapper, folders, images)

    def _nothing_registered(self, unregistered: list[Unregistered]) -> SceneError:
        reasons = "; ".join(summary(unregistered))
        first = f"{unregistered[0].name}: {unregistered[0].detail}"
        what = f"none of the {len(unregistered)} images could be registered: {reasons}. For example {first}"
        fix = "Take 20 images or more, walking around, each sharing half of what it shows with the next."
        return SceneError("TP-255", what, where=self.source, fix=fix)

    def _scale(self, placement: Placement, images: list[SourceImage]) -> MetricScale | None:
        centres = placement.centres()
        if self.options.scale_distance is not None:
            first, second, metres = self.options.scale_distance
            return scale_from_distance(centres, [image.name for image in images], first, second, metres)
        gps = {image.name: image.gps for image in images if image.gps is not None and image.name in centres}
        if self.options.gps:
            import numpy as np

            points = np.array([centres[name] for name in gps]).reshape(-1, 3)
            return scale_from_gps(points, list(gps.values()), self.options.seed)
        if gps:
            self.notes.append(f"{len(gps)} registered images know their GPS position: --gps makes the scene metric")
        return None

    def _finish(
        self, database: Path, images: list[SourceImage], placement: Placement, scale: MetricScale | None
    ) -> ReconstructionReport:
        names, model = [image.name for image in images], placement.model
        whole = [image for image in images if image.name not in self.damaged]
        unregistered = account_for(
            names, placement.registered, placement.weak, keypoint_counts(database), verified_pairs(database)
        )
        image_files = self._write(placement, whole, scale)
        return ReconstructionReport(
            output=self.job.output,
            images=len(whole),
            registered=tuple(names[number - 1] for number in sorted(placement.registered)),
            unregistered=tuple(item for item in unregistered if item.name not in self.damaged),
            left_out=tuple(self.problems),
            mapper=placement.mapper,
            points=int(model.num_points3D()),
            reprojection_px=float(model.compute_mean_reprojection_error()),
            cameras=len({model.image(number).camera_id for number in placement.registered}),
            metric=scale is not None,
            scale=scale.record if scale else {},
            scale_text=scale.how if scale else "",
            notes=tuple(self.notes),
            image_files=image_files,
            seconds=self.job.times.seconds,
            resumed=self.job.resumed,
        )

    def _write(self, placement: Placement, images: list[SourceImage], scale: MetricScale | None) -> str:
        record: dict[str, Any] = {"metric": scale is not None, "scale": scale.record if scale else {}}
        record |= {"images": len(images), "registered": len(placement.registered), "mapper": placement.mapper}
        image_files = write_scene(self.job.output, self.job.folder, placement.model, images, record)
        if image_files == REFERRED:
            self.notes.append(f"the scene refers to the images in {self.source}: keep them there")
        return image_files
