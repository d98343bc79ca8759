"""Where the viewer can be reached: a free port, and how to open it, over SSH too."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping

from trigpoint.core.config import require
from trigpoint.core.errors import OutputError

# How many ports after the wanted one are tried.
_TRIED = 100
EVERY_INTERFACE = ("0.0.0.0", "::")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def free_port(host: str, port: int) -> int:
    """The wanted port or the next free one after it; any free one for 0.

    Raises:
        ConfigError: not a port number (TP-702).
        OutputError: the host is not an address of this machine, or no port is free (TP-812).
    """
    require(0 <= port <= 65535, "port", port, "0 to 65535")
    reason = ""
    for candidate in range(port, min(port + _TRIED, 65536)):
        try:
            return _bound(host, candidate)
        except OSError as error:
            reason = error.strerror or str(error)
    tried = f"port {port}" if port == 0 else f"ports {port} to {min(port + _TRIED, 65536) - 1}"
    raise OutputError(
        "TP-812",
        f"the viewer cannot listen on {tried} ({reason})",
        where=host,
        fix="Give --host an address of this machine, such as 127.0.0.1, and --port another port, or 0 for any.",
    )


def address_lines(host: str, port: int, environment: Mapping[str, str]) -> list[str]:
    """What to print: the address to open, and for a session over SSH how to reach it from the other end.

    Args:
        host: interface that the viewer listens on.
        port: its port.
        environment: environment variables.
    """
    local = "localhost" if host in (*EVERY_INTERFACE, *LOOPBACK) else host
    url = f"http://{f'[{local}]' if ':' in local else local}:{port}"
    lines = [f"viewer: {url}"]
    if host in EVERY_INTERFACE:
        lines.append(f"from other machines: http://{socket.gethostname()}:{port}; whoever reaches it sees the images")
    connection = environment.get("SSH_CONNECTION", "").split()
    if len(connection) == 4 and host not in EVERY_INTERFACE:
        other = "" if connection[3] == "22" else f"-p {connection[3]} "
        target = f"ssh -L {port}:{local}:{port} {other}{getpass.getuser()}@{connection[2]}"
        lines.append(f"over SSH: run '{target}' on your own computer and keep it running, then open http://localhost:{port}")
    return lines


def _bound(host: str, port: int) -> int:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind, protocol) as probe:
        # As the server does: a port is free although connections of an earlier viewer are still winding down.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)
        return probe.getsockname()[1]
