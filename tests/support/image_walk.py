"""Images of a synthetic room without poses, and what their poses are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigpoint.synthetic.scene import SyntheticConfig, jpeg_bytes, synthetic_camera
from trigpoint.synthetic.views import mapping_views
from trigpoint.synthetic.world import build_world


def write_walk(folder: Path, count: int = 12, of: int = 90, seed: int = 3) -> dict[str, np.ndarray]:
    """Write ``count`` successive images out of a walk of ``of``; the camera centre of each, m, by name."""
    scene, camera = build_world("room", seed), synthetic_camera(SyntheticConfig(width=320, height=240))
    folder.mkdir(parents=True, exist_ok=True)
    centres = {}
    for index, view in enumerate(mapping_views(scene, of)[:count]):
        name = f"walk {index:02d}.jpg"
        rendering = scene.render(view.pose, camera, "day", name)
        (folder / name).write_bytes(jpeg_bytes(rendering.rgb))
        centres[name] = view.pose.centre()
    return centres


def write_video(path: Path, frames: list[np.ndarray], rate: int = 10) -> None:
    """Write (H, W, 3) uint8 frames as an MPEG-4 video that keeps their detail."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        stream.bit_rate = 8_000_000
        for pixels in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
