"""The steps of compositing and of the structure gates in OpenCV: the yardstick of benches/judge.rs.

    python3 benches/peer_judge.py PHOTO GENERATED MASK

Reads the photo at native size, the worker's picture and its mask. Judges the worker's picture against the
photo at its size (gains matched, correlation of tiles, drift by ORB and RANSAC, Laplacian), puts it into
the photo (enlarged, gains matched along the seam, grain, feathered mask), compares every sample outside, and judges
the composite at a long side of 1536 pixels and its detail at native size. Prints the wall seconds and the
processor seconds that this took, on two threads, without the start of Python and without reading files.
"""

import sys
import time

import cv2
import numpy as np

WORKING_SIDE = 1536
TILES = 12


def match_gains(reference, candidate, visible):
    """The reference in the candidate's exposure and white balance, as float32."""
    matched = np.empty(reference.shape, np.float32)
    inside = visible[::4, ::4]
    for channel in range(3):
        before = reference[::4, ::4, channel][inside].astype(np.float32)
        after = candidate[::4, ::4, channel][inside].astype(np.float32)
        keep = (before > 4) & (before < 250) & (after > 4) & (after < 250)
        gain, offset = np.polyfit(before[keep], after[keep], 1)
        plane = reference[:, :, channel].astype(np.float32)
        matched[:, :, channel] = np.clip(plane * gain + offset, 0, 255)
    return matched


def worst_correlation(reference, candidate, visible):
    """Least correlation of tiles of a twelfth of a side, half overlapping."""
    reference = cv2.GaussianBlur(reference, (0, 0), 1.2) - 128
    candidate = cv2.GaussianBlur(candidate, (0, 0), 1.2) - 128
    weight = visible.astype(np.float32)
    height, width = reference.shape
    reference, candidate = reference * weight, candidate * weight
    planes = [
        weight,
        reference,
        candidate,
        reference * reference,
        candidate * candidate,
        reference * candidate,
    ]
    sums = [cv2.integral(plane, sdepth=cv2.CV_64F) for plane in planes]
    worst = 1.0
    tile_height, tile_width = height // TILES, width // TILES
    for top in range(0, height - tile_height + 1, tile_height // 2):
        for left in range(0, width - tile_width + 1, tile_width // 2):
            bottom, right = top + tile_height, left + tile_width
            n, r, c, rr, cc, rc = (
                s[bottom, right] - s[top, right] - s[bottom, left] + s[top, left] for s in sums
            )
            if n < 0.3 * tile_height * tile_width:
                continue
            before = rr / n - (r / n) ** 2
            after = cc / n - (c / n) ** 2
            if max(before, after) < 36:
                continue
            both = rc / n - r / n * c / n
            worst = min(worst, both / max(np.sqrt(max(before * after, 0)), 1e-3))
    return worst


def drift(reference, candidate, visible):
    """Movement of the worst corner in percent of the diagonal."""
    orb = cv2.ORB_create(1000)
    mask = visible.astype(np.uint8) * 255
    points, descriptors = orb.detectAndCompute(cv2.convertScaleAbs(reference), mask)
    others, theirs = orb.detectAndCompute(cv2.convertScaleAbs(candidate), mask)
    if descriptors is None or theirs is None:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(descriptors, theirs)
    if len(matches) < 8:
        return None
    source = np.float32([points[match.queryIdx].pt for match in matches])
    target = np.float32([others[match.trainIdx].pt for match in matches])
    homography, _ = cv2.findHomography(source, target, cv2.RANSAC, 1.8)
    if homography is None:
        return None
    height, width = reference.shape
    corners = np.float32([[[0, 0]], [[width, 0]], [[0, height]], [[width, height]]])
    moved = cv2.perspectiveTransform(corners, homography) - corners
    return 100 * np.linalg.norm(moved, axis=2).max() / np.hypot(width, height)


def detail(reference, candidate, visible):
    """Ratio of the standard deviations of the Laplacian."""
    before = cv2.Laplacian(reference, cv2.CV_32F)[visible].std()
    after = cv2.Laplacian(candidate, cv2.CV_32F)[visible].std()
    return after / max(before, 1e-6)


def judge(reference, candidate, visible):
    matched = match_gains(reference, candidate, visible)
    before = cv2.cvtColor(matched, cv2.COLOR_BGR2GRAY)
    after = cv2.cvtColor(candidate, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return (
        worst_correlation(before, after, visible),
        drift(before, after, visible),
        detail(before, after, visible),
    )


def grown(mask, margin):
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    return cv2.dilate((mask > 0).astype(np.uint8), kernel) == 0


def compose(photo, generated, mask):
    """The composite, and where it differs from the photo."""
    height, width = photo.shape[:2]
    small = cv2.resize(photo, generated.shape[1::-1], interpolation=cv2.INTER_AREA)
    reach = cv2.dilate(mask, np.ones((25, 25), np.uint8))
    seam = (reach > 0) & (mask == 0)
    wanted = small[seam].astype(np.float32).mean(axis=0)
    given = generated[seam].astype(np.float32).mean(axis=0)
    gains = wanted / np.maximum(given, 1)
    grain = (small.astype(np.float32) - cv2.GaussianBlur(small, (0, 0), 1.2))[seam].std()
    large = cv2.resize(generated, (width, height), interpolation=cv2.INTER_CUBIC)
    share = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    share = cv2.GaussianBlur(share, (0, 0), 2.0)
    noise = np.empty((height, width), np.float32)
    cv2.randn(noise, 0, float(grain))
    weight = (share.astype(np.float32) / 255)[:, :, None]
    made = large.astype(np.float32) * gains.astype(np.float32) + noise[:, :, None]
    blended = photo + weight * (made - photo)
    return np.clip(blended + 0.5, 0, 255).astype(np.uint8), share


def main():
    cv2.setNumThreads(2)
    photo = cv2.imread(sys.argv[1], cv2.IMREAD_COLOR)
    generated = cv2.imread(sys.argv[2], cv2.IMREAD_COLOR)
    mask = cv2.imread(sys.argv[3], cv2.IMREAD_GRAYSCALE)
    wall, processor = time.perf_counter(), time.process_time()
    small = cv2.resize(photo, generated.shape[1::-1], interpolation=cv2.INTER_AREA)
    raw = judge(small, generated, grown(mask, 20))
    composite, changed = compose(photo, generated, mask)
    outside = changed == 0
    touched = np.count_nonzero((photo != composite).any(axis=2) & outside)
    scale = WORKING_SIDE / max(photo.shape[:2])
    size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    before = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    after = cv2.resize(composite, size, interpolation=cv2.INTER_AREA)
    visible = grown(cv2.resize(changed, size, interpolation=cv2.INTER_AREA), 8)
    finished = judge(before, after, visible)
    grey = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
    grey_after = cv2.cvtColor(composite, cv2.COLOR_BGR2GRAY)
    native = detail(grey, grey_after, outside)
    print(time.perf_counter() - wall, time.process_time() - processor)
    print(raw, finished, touched, native, file=sys.stderr)


if __name__ == "__main__":
    main()
