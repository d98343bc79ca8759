"""The viewer in the browser: what ``Content`` holds as a viser scene with a side panel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trigpoint.core.errors import OutputError
from trigpoint.core.terminal import printable
from trigpoint.report.formatting import length
from trigpoint.viewer.address import free_port
from trigpoint.viewer.content import Content, with_query
from trigpoint.viewer.drawing import Drawing
from trigpoint.viewer.finder import Finds, readable_keypoints
from trigpoint.viewer.origins import Names, only_for
from trigpoint.viewer.panel import facts_html, hint_html, legend_html, locating_text, query_html
from trigpoint.viewer.query import ErrorScale

if TYPE_CHECKING:
    import viser

BY_ERROR, BY_VERDICT = "error", "verdict"
NO_IMAGE = "(none)"
_BLANK = np.full((12, 16, 3), 235, np.uint8)


class Viewer:
    """A running viewer. Its methods may be called from any thread.

    Args:
        content: what to show.
        finder: localizes images that are dropped in, and finds the keypoints of those that are chosen.
        host: interface to listen on.
        port: wanted port; the next free one is taken, any for 0.
        names: other host names under which browsers reach it. Requests for other hosts, and of pages of other origins, are
            refused.

    Raises:
        OutputError: viser is not installed (TP-811); no port is free (TP-812).
        ConfigError: not a port number (TP-702).

    Attributes:
        port: the port it listens on.
        chooser: dropdown of the panel with the names of the images.
        picture: the chosen image with its keypoints.
        numbers: its answer as HTML.
        goto: button that puts the browser's camera where it was taken.
        state: what became of the image that was dropped in.
        legend: what the colours mean.
    """

    def __init__(
        self, content: Content, finder: Finds, *, host: str = "127.0.0.1", port: int = 8080, names: Sequence[str] = ()
    ) -> None:
        server_class = viser_server()
        self.content = content
        self.finder = finder
        self.selected: int | None = None
        self._lock = threading.RLock()
        with _quiet_viser(), only_for(Names.of(host, names)):
            self.server: viser.ViserServer = server_class(host=host, port=free_port(host, port), verbose=False)
        self.port = self.server.get_port()
        try:
            self.drawing = Drawing(self.server, content, self.select)
            self._build_panel()
            if content.queries:
                self.select(0)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server and free its port."""
        with _quiet_viser():
            self.server.stop()

    def select(self, index: int | None) -> None:
        """Show one image in the panel, its keypoints that agree in the scene; nothing for None."""
        with self._lock:
            self.selected = index
            query = None if index is None else self.content.queries[index]
            keypoints = None if query is None else readable_keypoints(self.finder, query)
            with self.server.atomic():
                self.chooser.value = NO_IMAGE if query is None else query.name
                self.picture.visible = keypoints is not None
                if keypoints is not None:
                    self.picture.image = no_higher_than_wide(keypoints.picture)
                hint = "Choose an image, or click on a camera of one."
                self.numbers.content = hint_html(hint) if query is None else query_html(query, self.content.units)
                self.goto.disabled = query is None or query.shown_pose is None
                self.drawing.highlight(query, None if keypoints is None else keypoints.inlier_points)

    def colour_by(self, mode: str) -> None:
        """Colour the localized cameras by ``"error"`` or ``"verdict"``."""
        with self._lock, self.server.atomic():
            scale = self._scale(mode)
            self.legend.content = legend_html(scale)
            self.drawing.recolour(scale)

    def locate(self, name: str, content: bytes) -> None:
        """Localize an image that was dropped in and show the answer, or why there is none."""
        with self._lock:
            self.state.content = hint_html(f"Locating {name} ...")
        query = self.finder.upload(content, name)
        with self._lock:
            self.content = with_query(self.content, query)
            self.chooser.options = self._names()
            self.drawing.add_query(len(self.content.queries) - 1, query, self._scale(self._mode.value))
            self.state.content = hint_html(locating_text(query))
            self.select(len(self.content.queries) - 1)

    def look_from(self, client: viser.ClientHandle) -> None:
        """Put the camera of one browser where the chosen image was found."""
        query = None if self.selected is None else self.content.queries[self.selected]
        if query is None or query.shown_pose is None:
            return
        wxyz, position = self.content.stage.camera(query.shown_pose)
        with client.atomic():
            client.camera.wxyz = wxyz
            client.camera.position = position
            if query.answer.camera is not None:
                client.camera.fov = 2 * np.arctan(query.answer.camera.height / 2 / query.answer.camera.pinhole_params()[1])

    def _scale(self, mode: str) -> ErrorScale | None:
        return self.content.error_scale if mode == BY_ERROR else None

    def _names(self) -> tuple[str, ...]:
        return (NO_IMAGE, *(query.name for query in self.content.queries))

    def _build_panel(self) -> None:
        gui = self.server.gui
        gui.configure_theme(control_width="large", show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        gui.set_panel_label(printable(f"trigpoint: {self.content.title}"))
        with gui.add_folder("Image"):
            self.chooser = gui.add_dropdown("localized", self._names(), initial_value=NO_IMAGE)
            self.picture = gui.add_image(_BLANK, visible=False)
            self.numbers = gui.add_html(hint_html("Click on a camera, or choose an image here."))
            self.goto = gui.add_button("Look from there", disabled=True)
            upload = gui.add_upload_button("Locate an image ...", mime_type="image/*")
            self.state = gui.add_html("")
        self._build_display(gui)
        with gui.add_folder("Map", expand_by_default=not self.content.queries):
            gui.add_html(facts_html(self.content.facts, self.content.missing))
        self.chooser.on_update(lambda event: self._choose(event.target.value) if event.client else None)
        self.goto.on_click(lambda event: None if event.client is None else self.look_from(event.client))
        upload.on_upload(lambda event: self.locate(event.target.value.name, event.target.value.content))

    def _build_display(self, gui: Any) -> None:
        modes = (BY_ERROR, BY_VERDICT) if self.content.error_scale is not None else (BY_VERDICT,)
        with gui.add_folder("Display"):
            self._mode = gui.add_dropdown("colour by", modes)
            self.legend = gui.add_html(legend_html(self._scale(modes[0])))
            cell = length(self.content.stage.grid_cell(), self.content.units)
            for label, part in self.drawing.parts(f"grid ({cell})"):
                box = gui.add_checkbox(label, initial_value=part.visible)
                box.on_update(_shower(part.show))
            points = gui.add_slider("point size", 0.25, 4.0, 0.05, 1.0)
            cameras = gui.add_slider("camera size", 0.25, 4.0, 0.05, 1.0)
        self._mode.on_update(lambda event: self.colour_by(event.target.value))
        points.on_update(lambda event: self.drawing.scale_points(event.target.value))
        cameras.on_update(lambda event: self.drawing.scale_cameras(event.target.value))

    def _choose(self, name: str) -> None:
        with self._lock:
            names = self._names()
            chosen = names.index(name) - 1 if name in names else -1
            if (chosen if chosen >= 0 else None) != self.selected:
                self.select(chosen if chosen >= 0 else None)


def no_higher_than_wide(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An upright (h, w, 3) uint8 image with white margins: as many px wide as the panel it would hide all numbers."""
    height, width = image.shape[:2]
    left = max(0, height - width) // 2
    right = max(0, height - width) - left
    return np.pad(image, ((0, 0), (left, right), (0, 0)), constant_values=255)


def viser_server() -> type[viser.ViserServer]:
    """The server class of viser, an optional package.

    Raises:
        OutputError: it is not installed (TP-811).
    """
    try:
        from viser import ViserServer
    except ImportError as error:
        raise OutputError(
            "TP-811",
            f"the viewer needs the package viser, which cannot be imported ({error})",
            fix="Install trigpoint with its extra 'viewer': pip install '.[viewer]' in the checkout.",
        ) from error
    return ViserServer


def wait_until(stopped: Callable[[], bool]) -> None:
    """Sleep until somebody asks to stop."""
    while not stopped():
        time.sleep(0.1)


@contextmanager
def _quiet_viser() -> Iterator[None]:
    """viser reports its start and end on the terminal, between our own lines."""
    import rich

    before, rich.get_console().quiet = rich.get_console().quiet, True
    try:
        yield
    finally:
        rich.get_console().quiet = before


def _shower(show: Callable[[bool], None]) -> Callable[[Any], None]:
    return lambda event: show(event.target.value)
