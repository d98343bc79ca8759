"""What the viewer shows: the stage, colours, texts and pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.fake_localizer import CAMERA, level_pose, make_frames
from support.viewer_content import make_queries, scene_content

from trigpoint.core.pose import Pose
from trigpoint.evaluation.metrics import PoseError
from trigpoint.viewer.app import no_higher_than_wide
from trigpoint.viewer.panel import facts_html, legend_html, query_html
from trigpoint.viewer.query import UNKNOWN_COLOUR, VERDICT_COLOURS, ErrorScale, Query, colour_of, summary
from trigpoint.viewer.stage import RADIUS, Stage, camera_lines


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("offset", [(0, 0, 0), (5e5, -6e6, 300)])
def test_scenes_of_any_size_fill_the_same_stage(scale, offset):
    content = scene_content("units", scale=scale, offset=np.array(offset) * scale)
    shown = content.stage.points(content.points.xyz)
    assert np.linalg.norm(shown, axis=1).max() == pytest.approx(RADIUS, rel=0.05)
    position, look_at, angle = content.stage.first_view()
    assert position[2] > look_at[2]
    assert RADIUS < np.linalg.norm(position) < 40
    assert 0.2 < angle < 1.5
    cell = content.stage.grid_cell()
    assert 0.3 * scale < cell < 2 * scale
    assert float(f"{cell / 10 ** math.floor(math.log10(cell) + 1e-9):.6g}") in (1, 2, 5)


def test_up_is_up_whatever_the_axes_of_the_world():
    turned = Pose.from_matrix([[0, 0, 1, 2.0], [1, 0, 0, 3.0], [0, 1, 0, 4.0]])
    poses = [frame.pose() @ turned for frame in make_frames(8)]
    stage = Stage.of(poses, np.zeros((0, 3)))
    for pose in poses:
        above = pose.inverse().apply(np.array([[0.0, -1.0, 0.0]]))
        step = stage.points(above)[0] - stage.points(pose.centre())[0]
        assert step == pytest.approx([0, 0, stage.scale], abs=1e-9)


def test_cameras_on_the_stage_look_the_way_they_look_in_the_world():
    from scipy.spatial.transform import Rotation

    stage = scene_content().stage
    pose = level_pose((1, 2, 1.5), 30)
    wxyz, position = stage.camera(pose)
    in_world = pose.inverse().apply(np.array([[0.3, -0.2, 2.0]]))
    by_quaternion = position + stage.scale * Rotation.from_quat(wxyz, scalar_first=True).apply([0.3, -0.2, 2.0])
    assert stage.points(in_world)[0] == pytest.approx(by_quaternion)
    lines = camera_lines(stage, [(pose, CAMERA)], 0.5)
    assert lines.shape == (8, 2, 3)
    assert lines[0, 0] == pytest.approx(position)


def test_wild_poses_do_not_shrink_the_scene():
    known, unknown = scene_content(), scene_content(known=False)
    assert known.stage.scale == pytest.approx(unknown.stage.scale)
    assert known.queries[4].error.translation > 1e8


def test_colours_by_error_and_by_verdict():
    content = scene_content()
    queries, scale = content.queries, content.error_scale
    assert [colour_of(query, None) for query in queries[1:4]] == [
        VERDICT_COLOURS["ok"],
        VERDICT_COLOURS["failed"],
        VERDICT_COLOURS["rejected"],
    ]
    exact, good, none, wrong = (colour_of(query, scale) for query in queries[:4])
    assert exact == scale.colour(0)
    assert none == wrong == scale.colour(1)
    assert good not in (exact, wrong)
    assert all(colour_of(query, scale) == UNKNOWN_COLOUR for query in make_queries(known=False))
    assert summary(queries) == "6 images: 3 ok, 2 rejected, 1 failed"


@pytest.mark.parametrize(("metric", "word"), [(True, "50 cm, 10°"), (False, "0.75 units, 10°")])
def test_the_scale_of_errors_follows_the_unit(metric, word):
    scale = ErrorScale.of(metric, np.array([frame.pose().centre() for frame in make_frames(12)]))
    assert scale.ends()[1] == word
    levels = [scale.level(PoseError(error, 0.0)) for error in (0, 0.02, 0.1, 0.4, 0.8, math.inf)]
    assert levels[0] == 0 and levels[-1] == levels[-2] == 1
    assert levels == sorted(levels)
    assert scale.level(PoseError(0.0, 11.0)) == 1
    assert ErrorScale.of(False, np.zeros((5, 3))) is None


def test_texts_name_units_and_escape_names():
    query = next(make_queries("units"))
    text = query_html(Query("<b>&", query.image_path, query.answer, query.true_pose, PoseError(0.25, 1.0), 12.5), "units")
    assert "0.25 units, 1°" in text and "12.5 ms" in text and "123 of 456 keypoints" in text
    assert "<b>&<" not in text and "&lt;b&gt;&amp;" in text
    assert " cm" not in text
    assert "&lt;id&gt;" in facts_html({"map": "<id>"}, ["missing & gone"])
    assert "missing &amp; gone" in facts_html({}, ["missing & gone"])
    assert "failed" in legend_html(None) and "gradient" in legend_html(scene_content().error_scale)
    unknown = next(make_queries(known=False))
    assert "not known" in query_html(unknown, "m")


@pytest.mark.parametrize(("size", "wanted"), [((40, 20), (40, 40)), ((41, 20), (41, 41)), ((20, 40), (20, 40))])
def test_portrait_images_get_margins(size, wanted):
    image = np.full((*size, 3), 7, np.uint8)
    shown = no_higher_than_wide(image)
    assert shown.shape[:2] == wanted
    assert (shown == 7).all(axis=2).sum() == size[0] * size[1]
    assert (shown[:, wanted[1] // 2] == 7).all()
