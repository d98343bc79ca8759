"""The verb ``view``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from trigpoint.commands.options import DeviceOptions, MapPath, SceneOptions, note


@dataclass(frozen=True)
class ViewOptions:
    """What is shown, and where.

    Attributes:
        scene: folder that the map was made from, for coloured points and the mapping cameras.
        queries: images to localize and show: a scene with poses, or any folder of images.
        split: which images of the queries, where they have poses: those held out, those mapped, or all.
        camera: intrinsics of images whose camera is not known, as in localize; otherwise from EXIF or estimated.
        points: how many points to show at most.
        host: interface to listen on; 0.0.0.0 lets other machines in.
        port: port to listen on; the next free one if it is taken, any for 0.
        names: other host names under which browsers reach it, such as that of a proxy; requests for others are refused.
    """

    scene: Annotated[Path | None, arg(metavar="SCENE")] = None
    queries: Path | None = None
    split: Literal["test", "train", "all"] = "test"
    camera: str | None = None
    points: int = 40_000
    host: str = "127.0.0.1"
    port: int = 8080
    names: tuple[str, ...] = ()


def view(map: MapPath, /, *, display: ViewOptions, reading: SceneOptions, run: DeviceOptions) -> int:
    """Show a map in the browser: points, cameras, localized images, and a button to locate another. Ctrl-C ends it.

    Args:
        map: map file.
        display: what is shown, and where.
        reading: how the scene and the queries are read.
        run: where images are localized; the address is printed in any case.
    """
    from trigpoint.core.terminal import print_line
    from trigpoint.viewer.content import ContentOptions
    from trigpoint.viewer.run import ServerOptions, view_map

    run.begin()
    content = ContentOptions(
        scene=display.scene,
        queries=display.queries,
        split=display.split,
        holdout=reading.holdout,
        points=display.points,
        format=reading.format,
        skip_invalid=reading.skip_invalid,
        poses=reading.poses,
        images=reading.images,
        scale_intrinsics=reading.scale_intrinsics,
    )
    view_map(
        map,
        content,
        ServerOptions(display.host, display.port, run.query_device, display.camera, display.names),
        environment=os.environ,
        say=partial(print_line, flush=True),
        remark=note,
    )
    return 0
