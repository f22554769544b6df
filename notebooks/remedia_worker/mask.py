"""The allowed-change mask: floor and lower walls, less openings and whatever is fixed to the house.

255 may be drawn anew, values between are a soft band that may darken or tint, 0 stays as it is.
"""

from __future__ import annotations

import cv2
import numpy as np

from .errors import AttemptFailed, Code
from .pictures import Bytes
from .surfaces import PROTECTED, Surface

LOWER_WALL = 0.45
"""How much of a wall above the floor belongs to it: furniture, lamps and headboards stand lower than this."""

_PROTECTED_GROWTH = 2.0
_SOFT_BAND = 6.0


def make_mask(labels: Bytes, growth: float) -> Bytes:
    """The mask of a label map; `growth` is in thousandths of the long side and may be below 0."""
    long_side = max(labels.shape)
    floor = np.isin(labels, (Surface.FLOOR, Surface.FURNITURE))
    region = floor | _lower_walls(labels, floor)
    region = _grown(region, growth * long_side / 1000.0)
    protected = _grown(np.isin(labels, PROTECTED), _PROTECTED_GROWTH * long_side / 1000.0)
    region &= ~protected
    band = max(2.0, _SOFT_BAND * long_side / 1000.0)
    distance = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, 5)
    ramp = np.clip(1.0 - distance / band, 0.0, 1.0)
    mask = np.where(region, 255, np.floor(ramp * 254.0)).astype(np.uint8)
    mask[protected] = 0
    return mask


def _lower_walls(labels: Bytes, floor: np.ndarray) -> np.ndarray:
    """Walls and skirting in the lower part of each column, measured from the floor's edge to the wall's top."""
    wall = np.isin(labels, (Surface.WALL, Surface.TRIM))
    height, width = labels.shape
    rows = np.arange(height)[:, None]
    has_floor = floor.any(axis=0)
    if not has_floor.any() or not wall.any():
        return np.zeros_like(wall)
    columns = np.arange(width)
    edge = np.interp(columns, columns[has_floor], floor.argmax(axis=0)[has_floor].astype(np.float64))
    has_wall = wall.any(axis=0)
    top = np.interp(columns, columns[has_wall], wall.argmax(axis=0)[has_wall].astype(np.float64))
    limit = edge - LOWER_WALL * np.maximum(edge - top, 0.0)
    return np.asarray(wall & (rows >= limit[None, :]))


def _grown(region: np.ndarray, pixels: float) -> np.ndarray:
    size = round(abs(pixels))
    if size == 0:
        return region
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1, 2 * size + 1))
    change = cv2.dilate if pixels > 0 else cv2.erode
    return np.asarray(change(region.astype(np.uint8), kernel)).astype(bool)


def masked_share(mask: Bytes) -> float:
    """Share of the frame that may change; the soft band counts by half."""
    hard = np.count_nonzero(mask == 255)
    soft = np.count_nonzero(mask) - hard
    return float((hard + 0.5 * soft) / mask.size)


def check_mask(mask: Bytes, limit: float | None) -> None:
    """AttemptFailed (`mask_refused`) where nothing or more than `limit` of the frame may change."""
    share = masked_share(mask)
    if not np.any(mask > 127):
        raise AttemptFailed(Code.MASK_REFUSED, "nothing may change: no floor and no lower wall was found")
    if limit is not None and share > limit:
        raise AttemptFailed(
            Code.MASK_REFUSED,
            f"the mask covers {100 * share:.0f} % of the frame, more than the {100 * limit:.0f} % allowed",
        )
