"""Commands on small scenes for the tests that disturb them: each verb that touches files, and each kind of map."""

from __future__ import annotations

from pathlib import Path

from support.fault_runs import Disturbed
from support.tiny_scene import CHEAP, settings, write_part, write_room

from trigpoint.cli import run
from trigpoint.features.weights import candidate_files, weights_entry

IMAGES = 6
# All sources of scene coordinates, all kinds of work files, and several rounds.
EVERYTHING = (
    "landmarks=hierarchical",
    "triangulation.min_images=2",
    "global_encoding.min_images=0",
    "features.pca_dim=48",
    "ensemble=2",
    "buffer.rounds=2",
    "optimizer.steps=20",
)
PLAIN = ("optimizer.steps=20", "supervision=null")
NETWORK = ("--preset", "trig-network")
NAMES = ("map", "everything", "localize", "evaluate", "export", "points", "info", "compare", "weights")


def scenario(name: str, folder: Path) -> Disturbed:
    """One of ``NAMES``; scene and map are made in the folder if they are not there."""
    scene, kitchen, out = folder / "corner", folder / "kitchen.trig", folder / name
    if not scene.exists():
        write_part(write_room(folder / "room"), scene, IMAGES)
    if name not in ("map", "everything", "compare") and not kitchen.exists():
        chosen = ["--quiet", *NETWORK, *settings((*CHEAP, *EVERYTHING))]
        assert run(["map", str(scene), "-o", str(kitchen), *chosen]) == 0
    images = [str(path) for path in sorted((scene / "images" / "walk").iterdir())[:2]]
    settings_of = {"map": PLAIN, "everything": EVERYTHING, "compare": ("optimizer.steps=20",)}
    changed = settings((*CHEAP, *settings_of.get(name, ())))
    words = {
        "map": lambda: ["map", str(scene), "-o", str(out / "k.trig"), "--json", str(out / "k.json"), *NETWORK, *changed],
        "everything": lambda: ["map", str(scene), "-o", str(out / "k.trig"), *NETWORK, *changed],
        "localize": lambda: ["localize", str(kitchen), *images, "-o", str(out / "r.jsonl"), "--json", str(out / "r.json")],
        "evaluate": lambda: [
            "evaluate", str(kitchen), str(scene), "--split", "all", "--report", str(out / "page"), "--json", str(out / "e"),
        ],
        "export": lambda: ["export", str(scene), "--to", "colmap", "-o", str(out / "model")],
        "points": lambda: ["export", str(kitchen), "--scene", str(scene), "--to", "ply", "-o", str(out / "points.ply")],
        "info": lambda: ["info", str(kitchen), "--json", str(out / "info.json")],
        "compare": lambda: [
            "compare", str(scene), "-o", str(out), "--holdout", "every:6:1", "--presets", "trig-network", "ace-compact",
            *changed,
        ],
        "weights": lambda: ["weights", "list", "--json", str(out / "weights.json")],
    }  # fmt: skip
    weights = candidate_files(weights_entry("xfeat"))
    watched = (scene, *weights) if name in ("map", "everything", "compare", "export") else (scene, kitchen, *weights)
    return Disturbed(lambda _: words[name](), out, watched, once=name in ("export", "compare"))
