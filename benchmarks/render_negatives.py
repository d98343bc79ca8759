"""Renders the synthetic negatives that the acceptance of every map is measured with.

    python benchmarks/render_negatives.py

writes them to src/trigpoint/localization/negative_images. An image takes 30 kB there; building their scenes
anew for each map would take ten seconds.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from trigpoint.core.artifact import write_bytes
from trigpoint.synthetic.scene import SyntheticConfig, synthetic_camera
from trigpoint.synthetic.views import mapping_views
from trigpoint.synthetic.world import build_world

FOLDER = Path(__file__).resolve().parents[1] / "src" / "trigpoint" / "localization" / "negative_images"
# Nobody maps these scenes: synthetic scenes are made with small seeds.
_SEED = 7_300_421
_IMAGES = 4


def main() -> None:
    """Render and write."""
    camera = synthetic_camera(SyntheticConfig())
    for kind in ("room", "street"):
        world = build_world(kind, _SEED)
        for number, view in enumerate(mapping_views(world, _IMAGES)):
            image = Image.fromarray(world.render(view.pose, camera, "day", f"elsewhere/{number}").rgb).convert("L")
            stream = BytesIO()
            image.save(stream, "WEBP", quality=75, method=6)
            write_bytes(FOLDER / f"{kind}-{number}.webp", stream.getvalue())


if __name__ == "__main__":
    main()
