"""The viewer's server and panel, its address, and the page in a browser."""

from __future__ import annotations

import io
import socket
import urllib.request

import numpy as np
import pytest
from PIL import Image
from support.viewer_content import SMALL_IMAGE, FakeFinder, scene_content

from trigpoint.core.errors import ConfigError, OutputError
from trigpoint.viewer.address import address_lines, free_port
from trigpoint.viewer.panel import legend_html
from trigpoint.viewer.query import colour_of


@pytest.fixture
def clicks(monkeypatch):
    """What the viewer does at a click on a camera, by the name of the camera's node."""
    viser = pytest.importorskip("viser")
    callbacks = {}
    monkeypatch.setattr(
        viser.CameraFrustumHandle, "on_click", lambda node, callback: callbacks.update({node.name: callback})
    )
    return callbacks


@pytest.fixture
def viewer(clicks):
    """A running viewer of the fake content."""
    from trigpoint.viewer.app import Viewer

    running = Viewer(scene_content(), FakeFinder(), port=0)
    yield running
    running.close()


def test_the_page_is_served_and_the_port_is_freed():
    pytest.importorskip("viser")
    from trigpoint.viewer.app import Viewer

    running = Viewer(scene_content(), FakeFinder(), port=0)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{running.port}/", timeout=10) as answer:
        assert answer.status == 200
        assert b"<html" in answer.read(2000).lower()
    running.close()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", running.port))


def nodes_of_estimates(viewer):
    """The frustum of each query that has a pose, in the order of the queries."""
    names = [f"/estimated/{index}" for index in range(len(viewer.content.queries))]
    return [node for node in map(viewer.server.scene.get_handle_by_name, names) if node is not None]


def test_choosing_an_image(viewer):
    assert viewer.selected == 0
    viewer.select(3)
    assert viewer.chooser.value == "test/003.jpg"
    assert "rejected" in viewer.numbers.content and "90 cm" in viewer.numbers.content
    assert viewer.picture.visible and viewer.picture.image.shape == SMALL_IMAGE.shape
    assert [node.variant for node in nodes_of_estimates(viewer)].count("filled") == 1
    viewer.select(2)
    assert viewer.goto.disabled
    viewer.select(5)
    assert not viewer.picture.visible and not viewer.goto.disabled
    viewer.select(None)
    assert viewer.chooser.value == "(none)"


def test_a_click_on_a_camera_chooses_its_image(viewer, clicks):
    clicks["/true/2"](None)
    assert viewer.selected == 2
    clicks["/estimated/3"](None)
    assert viewer.selected == 3


def test_colours_can_be_switched(viewer):
    queries = [query for query in viewer.content.queries if query.shown_pose is not None]
    for mode, scale in (("verdict", None), ("error", viewer.content.error_scale)):
        viewer.colour_by(mode)
        shown = [tuple(node.color) for node in nodes_of_estimates(viewer)]
        assert shown == [colour_of(query, scale) for query in queries]
        assert viewer.legend.content == legend_html(scale)


def test_sizes_can_be_changed_and_parts_hidden(viewer):
    frustum, cloud = map(viewer.server.scene.get_handle_by_name, ("/true/0", "/points"))
    before = frustum.scale, cloud.point_size
    viewer.drawing.scale_cameras(2.0)
    viewer.drawing.scale_points(3.0)
    assert (frustum.scale, cloud.point_size) == pytest.approx((2 * before[0], 3 * before[1]))
    parts = dict(viewer.drawing.parts("grid"))
    assert {"points", "mapping cameras", "localized cameras", "their true poses", "grid"} <= set(parts)
    parts["points"].show(False)
    assert not cloud.visible


def test_an_image_that_is_dropped_in_is_shown(viewer):
    viewer.locate("mine.jpg", b"bytes")
    assert viewer.finder.uploads == [("mine.jpg", b"bytes")]
    assert viewer.selected == 6
    assert viewer.chooser.options[-1] == viewer.chooser.value == "mine.jpg (dropped in)"
    assert viewer.server.scene.get_handle_by_name("/estimated/6") is not None
    assert "Found" in viewer.state.content


def test_a_port_that_is_taken_is_skipped():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) != port
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host.invalid"])
def test_hosts_that_are_not_of_this_machine(host):
    with pytest.raises(OutputError, match="TP-812"):
        free_port(host, 8080)


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_ports(port):
    with pytest.raises(ConfigError, match="TP-702"):
        free_port("127.0.0.1", port)


def test_the_address_to_open():
    assert address_lines("127.0.0.1", 8081, {}) == ["viewer: http://localhost:8081"]
    assert address_lines("::1", 80, {})[0] == "viewer: http://localhost:80"
    remote = address_lines("127.0.0.1", 8081, {"SSH_CONNECTION": "10.0.0.2 51234 10.0.0.9 2222"})
    assert "ssh -L 8081:localhost:8081 -p 2222 " in remote[1] and "@10.0.0.9'" in remote[1]
    open_to_all = address_lines("0.0.0.0", 8081, {"SSH_CONNECTION": "10.0.0.2 51234 10.0.0.9 22"})
    assert open_to_all[0] == "viewer: http://localhost:8081"
    assert socket.gethostname() in open_to_all[1]


def colours_of_the_scene(png):
    """Number of distinct strong colours left of the panel."""
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))[150:700, 50:850].reshape(-1, 3).astype(int)
    strong = image[np.ptp(image, axis=1) > 80]
    return len(np.unique(strong // 8, axis=0))


@pytest.mark.slow
def test_the_page_in_a_browser(viewer, tmp_path):
    chromium = pytest.importorskip("chromium")
    if chromium.BINARY is None:
        pytest.skip("there is no Chromium here")
    with chromium.browser_page(f"http://localhost:{viewer.port}/") as page:
        page.wait_for(lambda: "Locate an image" in page.text())
        assert "trigpoint: room.trig" in page.text()
        # The scene fades in.
        page.wait_for(lambda: colours_of_the_scene(page.screenshot()) > 30)
        viewer.select(3)
        page.wait_for(lambda: "90 cm" in page.text())
        (tmp_path / "dropped.jpg").write_bytes(b"bytes")
        page.choose_file(tmp_path / "dropped.jpg")
        page.wait_for(lambda: "Found." in page.text())
        assert viewer.finder.uploads == [("dropped.jpg", b"bytes")]
        assert page.errors == []
        outside = [url for url in page.requested if not url.startswith(("data:", "blob:"))]
        assert outside and all(f"//localhost:{viewer.port}" in url for url in outside)
