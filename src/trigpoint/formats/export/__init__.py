"""Writers of posed photos in other programs' formats, one file each; ``place.export_place`` is the entry."""
