"""Who may talk to the viewer: its own pages, under the names that it was started for.

Any page that is open in a browser can ask for a web socket at localhost, and a page of another name can have that name led
to this machine once it is loaded (DNS rebinding). Browsers say in the headers Origin and Host what they are doing.
"""

from __future__ import annotations

import http
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from trigpoint.core.errors import OutputError
from trigpoint.viewer.address import EVERY_INTERFACE, LOOPBACK

# viser calls this function from a thread of its own while its constructor waits.
_SERVE = threading.Lock()


@dataclass(frozen=True)
class Names:
    """The names under which browsers may reach the viewer.

    Attributes:
        hosts: host names and addresses, lower case.
        addresses: whether any numeric address will do: nobody can lead those elsewhere.
    """

    hosts: frozenset[str]
    addresses: bool

    @staticmethod
    def of(host: str, others: Sequence[str] = ()) -> Names:
        """The names of a viewer that listens on the interface ``host``, and those that its owner adds."""
        everywhere = host in EVERY_INTERFACE
        names = {host, *others}
        if everywhere or host in LOOPBACK:
            names |= set(LOOPBACK)
        if everywhere:
            names |= {socket.gethostname(), socket.getfqdn()}
        return Names(frozenset(_plain(name) for name in names), everywhere)

    def refusal(self, hosts: Sequence[str], origins: Sequence[str]) -> str | None:
        """Why a request is refused, None if it is not.

        Args:
            hosts: values of its header Host.
            origins: values of its header Origin, which programs that are no browsers leave out.
        """
        name = _host_of(f"//{hosts[0]}") if len(hosts) == 1 else None
        if name is None:
            return "the request does not say which host it is for"
        if name not in self.hosts and not (self.addresses and _is_address(name)):
            return f"the viewer was not started for the host {name[:80]!r}: add it with --names"
        if origins and [origin.lower() for origin in origins] not in (
            [f"{s}://{hosts[0].lower()}"] for s in ("http", "https")
        ):
            return "the request comes from a page of another origin"
        return None


@contextmanager
def only_for(names: Names) -> Iterator[None]:
    """Let the viser server that is started inside refuse requests for other hosts and from other origins.

    Raises:
        OutputError: this version of viser starts its server in another way (TP-811).
    """
    import websockets.asyncio.server as module

    served: list[bool] = []
    original = module.serve

    def serve(*args: Any, process_request: Callable[[Any, Any], Any], **options: Any) -> Any:
        served.append(True)
        return original(*args, process_request=_checked(names, process_request), **options)

    # viser has no option for this.
    with _SERVE:
        module.serve = serve  # type: ignore[assignment]
        try:
            yield
        finally:
            module.serve = original
    if not served:
        raise OutputError(
            "TP-811", "requests to this version of viser cannot be checked", fix="Install the version of constraints.txt."
        )


def _checked(names: Names, answer: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def process_request(connection: Any, request: Any) -> Any:
        reason = names.refusal(request.headers.get_all("Host"), request.headers.get_all("Origin"))
        return (
            answer(connection, request) if reason is None else connection.respond(http.HTTPStatus.FORBIDDEN, f"{reason}\n")
        )

    return process_request


def _host_of(address: str) -> str | None:
    try:
        name = urlsplit(address).hostname
    except ValueError:
        return None
    return None if name is None else _plain(name)


def _plain(name: str) -> str:
    return name.strip("[]").lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
