"""The verb ``datasets``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional, UseAppendAction

from trigpoint.commands.options import Output, OutputOptions, note
from trigpoint.core.terminal import print_line
from trigpoint.datasets.entries import DataSet


@dataclass(frozen=True)
class FetchOptions:
    """What is fetched, and where it is kept.

    Attributes:
        output: folder that holds data sets; each gets a folder of its name there.
        scenes: fetch only this scene; may be repeated.
        accept_licence: you have read and accept the data set's licence.
    """

    output: Output = Path("datasets")
    scenes: UseAppendAction[tuple[str, ...]] = ()
    accept_licence: bool = False


def datasets(
    action: Positional[Literal["list", "get"]] = "list",
    name: Positional[str] = "",
    /,
    *,
    fetch: FetchOptions,
    run: OutputOptions,
) -> int:
    """List the public data sets of the papers, or fetch one. Interrupted, the same command continues.

    Args:
        action: list shows all, or the one that is named; get fetches one.
        name: which data set.
        fetch: what is fetched.
        run: what is said.
    """
    from trigpoint.core.output import Planned
    from trigpoint.datasets.entries import catalogue, find_data_set
    from trigpoint.datasets.install import install, present_scenes, put_together

    output = fetch.output
    run.begin(Planned(output if action == "get" else None, "folder"))
    if action == "list":
        chosen = [find_data_set(name)] if name else list(catalogue().values())
        print_line(*(line for entry in chosen for line in _lines(entry, output)))
        run.write([{**entry.to_json(), "present": present_scenes(entry, output / entry.name)} for entry in chosen])
        return 0
    entry = find_data_set(name)
    folder = output / entry.name
    if entry.rooms:
        file = put_together(entry, output)
        print_line(f"{entry.title}: {len(entry.rooms)} rooms in {file}")
        print_line(f"Next: {entry.use.replace('DIR', str(output))}")
        run.write({**entry.to_json(), "present": list(entry.rooms), "folder": str(output), "file": str(file)})
        return 0
    note(f"{entry.title}, {entry.page}. Licence: {entry.licence.text}.")
    fetched = install(entry, folder, scenes=fetch.scenes, licence_accepted=fetch.accept_licence)
    present = len(entry.files_of(fetch.scenes)) - len(fetched)
    print_line(f"{entry.title}: {len(fetched)} files fetched, {present} were there; in {folder}")
    print_line(f"Next: {entry.use.replace('DIR', str(folder))}")
    run.write({**entry.to_json(), "present": present_scenes(entry, folder), "folder": str(folder)})
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
        f"{'':<12}licence: {entry.licence.text}",
        f"{'':<12}{entry.page}",
        *([f"{'':<12}scenes: {', '.join(entry.scenes)}"] if len(entry.scenes) > 1 else []),
        "",
    ]
