"""Only pages of the viewer's own reach it, under the names that it was started for."""

from __future__ import annotations

import http.client
import socket

import pytest
from support.viewer_content import FakeFinder, scene_content

from trigpoint.viewer.origins import Names

LOCAL = Names.of("127.0.0.1")
SERVED = [
    ("localhost:8080", ["http://localhost:8080"]),
    ("127.0.0.1:9000", ["http://127.0.0.1:9000"]),
    ("[::1]:8080", ["http://[::1]:8080"]),
    ("LocalHost:8080", ["http://localhost:8080"]),
    ("localhost:8080", []),
]
REFUSED = [
    ("localhost:8080", ["http://evil.example"]),
    ("localhost:8080", ["http://localhost:3000"]),
    ("localhost:8080", ["null"]),
    ("localhost:8080", ["file://"]),
    ("localhost:8080", ["http://localhost:8080", "http://evil.example"]),
    ("evil.example:8080", ["http://evil.example:8080"]),
    ("evil.example", []),
    ("localhost.evil.example:8080", []),
    ("localhost:8080@evil.example", []),
    ("192.168.0.9:8080", ["http://192.168.0.9:8080"]),
    ("[::1", []),
    ("", []),
]


@pytest.mark.parametrize(("host", "origins"), SERVED)
def test_own_pages_are_served(host, origins):
    assert LOCAL.refusal([host], origins) is None


@pytest.mark.parametrize(("host", "origins"), REFUSED)
def test_others_are_refused(host, origins):
    assert LOCAL.refusal([host], origins)


def test_the_host_is_said_once():
    assert LOCAL.refusal([], []) and LOCAL.refusal(["localhost", "localhost"], [])


def test_names_for_other_machines():
    everywhere = Names.of("0.0.0.0", ["Maps.Example"])
    for name in ("192.168.0.9", "[fe80::1]", socket.gethostname(), "maps.example", "localhost"):
        assert everywhere.refusal([f"{name}:8080"], [f"https://{name}:8080"]) is None
    assert everywhere.refusal(["evil.example:8080"], [])
    one = Names.of("192.168.0.5")
    assert one.refusal(["192.168.0.5:8080"], []) is None and one.refusal(["192.168.0.9:8080"], [])


@pytest.fixture
def running():
    pytest.importorskip("viser")
    from trigpoint.viewer.app import Viewer

    viewer = Viewer(scene_content(), FakeFinder(), port=0, names=["room.example"])
    yield viewer
    viewer.close()


def socket_of(viewer, host, origin):
    """A web socket as a browser opens it; its connection is to this machine, whatever its host is called."""
    import viser
    from websockets.sync.client import connect
    from websockets.typing import Origin, Subprotocol

    connection = socket.create_connection(("127.0.0.1", viewer.port), timeout=60)
    protocols = [Subprotocol(f"viser-v{viser.__version__}")]
    address = f"ws://{host}:{viewer.port}"
    return connect(address, sock=connection, origin=Origin(origin), subprotocols=protocols, proxy=None, max_size=None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "room.example"])
def test_a_web_socket_of_its_own_page_gets_the_scene(running, host):
    with socket_of(running, host, f"http://{host}:{running.port}") as connection:
        assert len(connection.recv(timeout=60)) > 100


@pytest.mark.parametrize(("host", "origin"), [("localhost", "http://evil.example"), ("evil.example", None)])
def test_web_sockets_of_other_pages_are_refused(running, host, origin):
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus, match="403"):
        socket_of(running, host, origin or f"http://{host}:{running.port}")


@pytest.mark.parametrize(("host", "status"), [("localhost", 200), ("evil.example", 403)])
def test_pages_are_served_for_its_own_names(running, host, status):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request("GET", "/", headers={"Host": f"{host}:{running.port}"})
    answer = connection.getresponse()
    assert answer.status == status
    assert (b"--names" in answer.read()) == (status == 403)
    connection.close()
