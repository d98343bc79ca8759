"""The verb ``datasets``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from trigpoint.commands.options import Flag, note, write_document
from trigpoint.core.terminal import set_quiet
from trigpoint.datasets.entries import DataSet


def datasets(
    action: Positional[Literal["list", "get"]] = "list",
    name: Positional[str] = "",
    /,
    *,
    output: Annotated[Path, arg(aliases=["-o"])] = Path("datasets"),
    scenes: UseAppendAction[tuple[str, ...]] = (),
    accept_licence: Flag = False,
    quiet: Flag = False,
    json: Path | None = None,
) -> int:
    """List the public data sets of the papers, or fetch one. Interrupted, the same command continues.

    Args:
        action: list shows all, or the one that is named; get fetches one.
        name: which data set.
        output: folder that holds data sets; each gets a folder of its name there.
        scenes: fetch only this scene; may be repeated.
        accept_licence: you have read and accept the data set's licence.
        quiet: show no progress.
        json: file to write the same to, as JSON.
    """
    from trigpoint.datasets.entries import catalogue, find_data_set
    from trigpoint.datasets.install import install, present_scenes, put_together

    set_quiet(quiet)
    if action == "list":
        chosen = [find_data_set(name)] if name else list(catalogue().values())
        print("\n".join(line for entry in chosen for line in _lines(entry, output)))
        write_document(
            json, [{**entry.to_json(), "present": present_scenes(entry, output / entry.name)} for entry in chosen]
        )
        return 0
    entry = find_data_set(name)
    folder = output / entry.name
    if entry.rooms:
        file = put_together(entry, output)
        print(f"{entry.title}: {len(entry.rooms)} rooms in {file}")
        print(f"Next: {entry.use.replace('DIR', str(output))}")
        write_document(json, {**entry.to_json(), "present": list(entry.rooms), "folder": str(output), "file": str(file)})
        return 0
    note(f"{entry.title}, {entry.page}. Licence: {entry.licence}.")
    fetched = install(entry, folder, scenes=scenes, licence_accepted=accept_licence)
    print(
        f"{entry.title}: {len(fetched)} files fetched, {len(entry.files_of(scenes)) - len(fetched)} were there; in {folder}"
    )
    print(f"Next: {entry.use.replace('DIR', str(folder))}")
    write_document(json, {**entry.to_json(), "present": present_scenes(entry, folder), "folder": str(folder)})
    return 0


def _lines(entry: DataSet, output: Path) -> list[str]:
    from trigpoint.datasets.install import present_scenes

    present = present_scenes(entry, output / entry.name)
    here = f", {len(present)} of {len(entry.scenes)} scenes in {output / entry.name}" if present else ""
    size = entry.size or "size not published"
    count = f"{len(entry.files)} file{'s' if len(entry.files) != 1 else ''}"
    files = f"{count}, {size}" if entry.files else f"{len(entry.rooms)} rooms of the others"
    return [
        f"{entry.name:<12}{entry.title}: {entry.what}",
        f"{'':<12}{files}, read as {entry.format}{here}",
        f"{'':<12}licence: {entry.licence}",
        f"{'':<12}{entry.page}",
        *([f"{'':<12}scenes: {', '.join(entry.scenes)}"] if len(entry.scenes) > 1 else []),
        "",
    ]
