"""Lens distortion as OpenCV, ROS and Kalibr name it, as a camera model of COLMAP."""

from __future__ import annotations

from collections.abc import Sequence

from trigpoint.core.errors import GeometryError

_POLYNOMIAL = ("plumb_bob", "rational_polynomial", "radtan", "radial-tangential", "brown", "brown_conrady", "opencv")
ANGLE = ("equidistant", "fisheye", "kannala_brandt", "kannala_brandt4", "opencv_fisheye", "kannalabrandt8")
# k1 k2 p1 p2 k3 k4 k5 k6 in OpenCV; thin prism and tilt follow.
_FULL = 8


def distorted(pinhole: Sequence[float], kind: str, terms: Sequence[float], where: str) -> tuple[str, tuple[float, ...]]:
    """COLMAP's name of the camera model, and its parameters.

    Args:
        pinhole: fx, fy, cx, cy, px.
        kind: name of the distortion, such as ``plumb_bob`` or ``equidistant``; ``""`` or ``none`` without terms.
        terms: its coefficients in OpenCV's order.
        where: the file, for errors.

    Raises:
        GeometryError: a distortion that COLMAP has no model for (TP-311); a wrong number of terms (TP-312).
    """
    kind, terms = kind.strip().lower(), [float(term) for term in terms]
    if kind.startswith("inverse_") and not any(terms):
        # RealSense: the inverse of nothing is nothing.
        kind = ""
    if not any(terms) and kind not in ANGLE and (kind in ("", "none", *_POLYNOMIAL)):
        return "PINHOLE", tuple(pinhole)
    if kind in ANGLE:
        if len(terms) not in (0, 4):
            raise _wrong_number(kind, terms, "4", where)
        return "OPENCV_FISHEYE", (*pinhole, *(terms or (0.0,) * 4))
    if kind == "fov" and len(terms) == 1:
        return "FOV", (*pinhole, *terms)
    if kind not in ("", *_POLYNOMIAL):
        raise GeometryError(
            "TP-311",
            f"the distortion '{kind[:40]}' is not supported",
            where=where,
            fix=f"Calibrate with one of {', '.join((*_POLYNOMIAL, *ANGLE, 'fov', 'none'))}.",
        )
    if len(terms) not in (4, 5, 8, 12, 14) or any(terms[_FULL:]):
        raise _wrong_number(kind, terms, "4, 5 or 8", where)
    if not any(terms[4:]):
        return "OPENCV", (*pinhole, *terms[:4])
    k1, k2, p1, p2, *rest = (*terms, 0.0, 0.0, 0.0)[:_FULL]
    return "FULL_OPENCV", (*pinhole, k1, k2, p1, p2, *rest)


def _wrong_number(kind: str, terms: Sequence[float], wanted: str, where: str) -> GeometryError:
    return GeometryError(
        "TP-312",
        f"the distortion '{kind}' takes {wanted} coefficients, got {len(terms)}",
        where=where,
        fix="Give k1, k2, p1, p2, k3 ... in OpenCV's order; thin prism and tilt cannot be used.",
    )
