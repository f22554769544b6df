"""The allowed-change mask: floor, what stands on it and lower walls, less openings and whatever is fixed.

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
_TOUCH = 2.0
_LEAST_FLOOR = 0.002
"""Share of the frame below which a piece of floor is taken for a mistake of the model and says nothing of the edge."""


def make_mask(labels: Bytes, growth: float) -> Bytes:
    """The mask of a label map; `growth` is in thousandths of the long side and may be below 0."""
    long_side = max(labels.shape)
    floor = np.asarray(labels == Surface.FLOOR)
    standing = _standing(labels == Surface.FURNITURE, floor)
    region = floor | standing | _lower_walls(labels, floor, standing)
    region = _grown(region, growth * long_side / 1000.0)
    protected = _grown(np.isin(labels, PROTECTED), _PROTECTED_GROWTH * long_side / 1000.0)
    region &= ~protected
    band = max(2.0, _SOFT_BAND * long_side / 1000.0)
    distance = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, 5)
    ramp = np.clip(1.0 - distance / band, 0.0, 1.0)
    mask = np.where(region, 255, np.floor(ramp * 254.0)).astype(np.uint8)
    mask[protected] = 0
    return mask


def _standing(furniture: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """The furniture that stands on the floor: what touches it. Pictures, shelves and screens on a wall do not."""
    _, pieces = cv2.connectedComponents(furniture.astype(np.uint8), connectivity=8)
    near = _grown(floor, max(1.0, _TOUCH * max(floor.shape) / 1000.0))
    touching = np.unique(pieces[near & furniture])
    return np.asarray(np.isin(pieces, touching[touching > 0]))


def _lower_walls(labels: Bytes, floor: np.ndarray, standing: np.ndarray) -> np.ndarray:
    """Walls and skirting in the lower part of each column, measured from the floor's edge to the wall's top."""
    wall = np.isin(labels, (Surface.WALL, Surface.TRIM))
    height, width = labels.shape
    rows = np.arange(height)[:, None]
    edge = _floor_edge(floor, standing)
    if edge is None or not wall.any():
        return np.zeros_like(wall)
    columns = np.arange(width)
    has_wall = wall.any(axis=0)
    top = np.interp(columns, columns[has_wall], wall.argmax(axis=0)[has_wall].astype(np.float64))
    limit = edge - LOWER_WALL * np.maximum(edge - top, 0.0)
    return np.asarray(wall & (rows >= limit[None, :]))


def _floor_edge(floor: np.ndarray, standing: np.ndarray) -> np.ndarray | None:
    """The row in each column where the floor ends, from the columns where it is seen to; None where there is no floor.

    Furniture that stands before the edge hides it: there the edge lies where its neighbours say, but neither above nor
    below the furniture.
    """
    _, pieces, found, _ = cv2.connectedComponentsWithStats(floor.astype(np.uint8), connectivity=8)
    large = found[:, cv2.CC_STAT_AREA] >= _LEAST_FLOOR * floor.size
    large[0] = False
    floor = large[pieces]
    has_floor = floor.any(axis=0)
    if not has_floor.any():
        return None
    columns = np.arange(floor.shape[1])
    first = floor.argmax(axis=0)
    hidden = has_floor & (first > 0) & standing[np.maximum(first - 1, 0), columns]
    seen = has_floor & ~hidden
    if not seen.any():
        seen = has_floor
    edge = np.asarray(np.interp(columns, columns[seen], first[seen].astype(np.float64)))
    for column in columns[hidden]:
        above = standing[: first[column], column][::-1]
        run = len(above) if above.all() else int(above.argmin())
        edge[column] = np.clip(edge[column], first[column] - run, first[column])
    return edge


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
