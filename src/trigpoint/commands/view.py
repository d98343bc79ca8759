"""The verb ``view``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from trigpoint.commands.options import Flag, note
from trigpoint.core.terminal import set_quiet


def view(
    map: Positional[Path],
    /,
    *,
    scene: Path | None = None,
    queries: Path | None = None,
    split: Literal["test", "train", "all"] = "test",
    holdout: str | None = None,
    camera: str | None = None,
    points: int = 40_000,
    host: str = "127.0.0.1",
    port: int = 8080,
    device: str = "cpu",
    format: str | None = None,
    skip_invalid: Flag = False,
    quiet: Flag = False,
) -> int:
    """Show a map in the browser: points, cameras, localized images, and a button to locate another. Ctrl-C ends it.

    Args:
        map: map file.
        scene: folder that it was made from, for coloured points and the mapping cameras.
        queries: images to localize and show: a scene with poses, or any folder of images.
        split: which images of the queries, where they have poses: those held out, those mapped, or all.
        holdout: another split than the one kept in the map.
        camera: intrinsics of images whose camera is not known, as in localize; otherwise from EXIF or estimated.
        points: how many points to show at most.
        host: interface to listen on; 0.0.0.0 lets other machines in.
        port: port to listen on; the next free one if it is taken, any for 0.
        device: cpu or cuda.
        format: format of the scene and the queries; found out if not given.
        skip_invalid: leave out images that cannot be used instead of stopping at them.
        quiet: show no progress; the address is printed all the same.
    """
    from trigpoint.viewer.content import ContentOptions
    from trigpoint.viewer.run import ServerOptions, view_map

    set_quiet(quiet)
    view_map(
        map,
        ContentOptions(scene, queries, split, holdout, points, format, skip_invalid),
        ServerOptions(host, port, device, camera),
        environment=os.environ,
        say=lambda line: print(line, flush=True),
        remark=note,
    )
    return 0
