"""The steps of the enhancement in OpenCV and Pillow, on one core: the yardstick of benches/enhance.rs.

    python3 benches/peer_enhance.py PHOTO.jpg

Decodes, reduces noise (bilateral filter of luma, guided by nothing else, and of chroma at half size),
finds line segments and warps by the tilt that they show, balances white and lifts exposure and shadows,
sharpens, and encodes at quality 92. Prints the processor seconds that all of it took, without the start of Python, so
that other work on the machine does not count.
"""

import io
import sys
import time

import cv2
import numpy as np
from PIL import Image

PROXY_SIDE = 1024


def reduce_noise(picture):
    luma, red, blue = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    luma = cv2.bilateralFilter(luma, 5, 12, 2)
    size = (luma.shape[1], luma.shape[0])
    half = (size[0] // 2, size[1] // 2)
    chroma = []
    for plane in (red, blue):
        small = cv2.resize(plane, half, interpolation=cv2.INTER_AREA)
        small = cv2.bilateralFilter(small, 7, 10, 4)
        chroma.append(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR))
    return cv2.cvtColor(cv2.merge([luma, *chroma]), cv2.COLOR_YCrCb2RGB)


def upright_homography(picture):
    height, width = picture.shape[:2]
    scale = PROXY_SIDE / max(width, height)
    proxy = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = cv2.createLineSegmentDetector().detect(cv2.cvtColor(proxy, cv2.COLOR_RGB2GRAY))[0]
    lines = []
    segments = np.empty((0, 4)) if found is None else found.reshape(-1, 4)
    for x1, y1, x2, y2 in segments:
        length = np.hypot(x2 - x1, y2 - y1)
        if length > 40 and abs(x2 - x1) < 0.25 * abs(y2 - y1):
            lines.append(np.cross((x1, y1, 1.0), (x2, y2, 1.0)) / length)
    if len(lines) < 4:
        return None
    vanishing = np.linalg.svd(np.array(lines))[2][-1]
    if abs(vanishing[2]) < 1e-9:
        return None
    x, y = vanishing[:2] / vanishing[2] / scale
    focal = 0.52 * width
    pitch = np.clip(np.arctan2(focal, y - height / 2), -0.15, 0.15)
    roll = np.clip(np.arctan2(x - width / 2, y - height / 2), -0.05, 0.05)
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    tilt = cv2.Rodrigues(np.array([pitch, 0, 0]))[0] @ cv2.Rodrigues(np.array([0, 0, roll]))[0]
    return camera @ tilt @ np.linalg.inv(camera)


def balance_and_lift(picture):
    means = cv2.mean(picture)[:3]
    grey = sum(means) / 3
    gain = 118.0 / max(grey, 1.0)
    codes = np.arange(256) / 255.0
    tables = []
    for mean in means:
        value = codes * gain * grey / max(mean, 1.0)
        value = np.where(value > 0.8, 0.8 + 0.2 * np.tanh((value - 0.8) / 0.2), value)
        tables.append(np.clip(value * 255 + 0.5, 0, 255).astype(np.uint8))
    balanced = cv2.LUT(picture, np.stack(tables, axis=-1)[None])
    lab = cv2.cvtColor(balanced, cv2.COLOR_RGB2LAB)
    lightness, a, b = cv2.split(lab)
    # Local tone: shadows opened by a lift that follows a smooth lightness.
    small = cv2.resize(lightness, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    base = cv2.resize(cv2.bilateralFilter(small, 9, 30, 5), lightness.shape[::-1])
    lift = cv2.LUT(base, np.clip(40 * (1 - np.arange(256) / 128.0), 0, 40).astype(np.uint8))
    return cv2.cvtColor(cv2.merge([cv2.add(lightness, lift), a, b]), cv2.COLOR_LAB2RGB)


def sharpen(picture):
    luma, red, blue = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    luma = cv2.addWeighted(luma, 1.6, cv2.GaussianBlur(luma, (5, 5), 1.0), -0.6, 0)
    return cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2RGB)


def main():
    cv2.setNumThreads(1)
    with open(sys.argv[1], "rb") as file:
        photo = file.read()
    start = time.process_time()
    picture = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))
    picture = reduce_noise(picture)
    picture = balance_and_lift(picture)
    homography = upright_homography(picture)
    if homography is not None:
        size = (picture.shape[1], picture.shape[0])
        picture = cv2.warpPerspective(
            picture, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    picture = sharpen(picture)
    coded = io.BytesIO()
    Image.fromarray(picture).save(coded, "JPEG", quality=92, subsampling="4:2:0")
    print(f"{time.process_time() - start:.4f}")


if __name__ == "__main__":
    main()
