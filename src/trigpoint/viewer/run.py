"""The whole viewer: read, localize, serve until asked to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trigpoint.core.config import require
from trigpoint.core.interrupt import stop_on_signals
from trigpoint.localization.localizer import Localizer
from trigpoint.report.pictures import MAX_POINTS
from trigpoint.viewer.address import address_lines, free_port
from trigpoint.viewer.app import Viewer, viser_server, wait_until
from trigpoint.viewer.content import ContentOptions, load_content
from trigpoint.viewer.finder import Finder
from trigpoint.viewer.query import summary


@dataclass(frozen=True)
class ServerOptions:
    """Where to listen, and how to localize.

    Attributes:
        host: interface.
        port: wanted port; any for 0.
        device: torch device.
        camera: ``--camera`` text for images whose camera is not known, or None.
        names: other host names under which browsers reach it.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    device: str = "cpu"
    camera: str | None = None
    names: tuple[str, ...] = ()


def view_map(
    map_path: Path,
    content: ContentOptions,
    server: ServerOptions,
    *,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    remark: Callable[[str], None],
) -> None:
    """Show a map until Ctrl-C or SIGTERM.

    Args:
        map_path: map file.
        content: what to show.
        server: where.
        environment: environment variables, for what to say over SSH.
        say: prints a line of the result: where to open it.
        remark: prints a line beside the result.

    Raises:
        OutputError: viser is not installed (TP-811), no port is free (TP-812).
        ConfigError: an impossible number (TP-702).
        TrigpointError: as ``Localizer.load`` and ``load_content``.
    """
    # What can fail at once must not fail after minutes of localizing.
    require(1 <= content.points <= MAX_POINTS, "points", content.points, f"1 to {MAX_POINTS}")
    viser_server()
    free_port(server.host, server.port)
    finder = Finder(Localizer.load(map_path, device=server.device), server.camera)
    try:
        shown = load_content(finder, map_path, content)
        viewer = Viewer(shown, finder, host=server.host, port=server.port, names=server.names)
        try:
            for line in shown.missing:
                remark(line)
            if shown.queries:
                remark(summary(shown.queries))
            for line in address_lines(server.host, viewer.port, environment):
                say(line)
            with stop_on_signals() as stop:
                remark("Ctrl-C ends it.")
                wait_until(lambda: bool(stop))
        finally:
            viewer.close()
    finally:
        finder.close()
