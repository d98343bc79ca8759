"""Another package with entry points, as pip would have installed it."""

from __future__ import annotations

from pathlib import Path


def install_plugin(folder: Path, group: str, name: str, value: str, source: str = "") -> Path:
    """Write the module and the dist-info of a package; put ``folder`` on the path to install it.

    Args:
        folder: where packages are found.
        group: of the entry point, such as ``trigpoint.encoders``.
        name: of the entry point.
        value: what it stands for, ``MODULE:OBJECT``.
        source: text of the module.
    """
    module = value.partition(":")[0]
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
    (folder / f"{module}.py").write_text(source)
    return folder
