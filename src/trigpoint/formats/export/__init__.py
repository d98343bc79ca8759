"""Writers of posed images in other programs' formats, one file each; ``scene.export_scene`` is the entry."""
