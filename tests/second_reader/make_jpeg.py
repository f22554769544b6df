"""Writes JPEGs of every layout that other programs make: `make_jpeg.py FOLDER`.

Each lies as `jpeg-KIND/NAME.jpg`. Pillow writes the common ones, cjpeg and jpegtran (libjpeg-turbo-progs) what
Pillow cannot, and the rest is made by writing segments anew. Without the two programs their variants are missing, and
that is said.
"""

import io
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
PHOTO = ROOT / "fixtures/listings/maple-street/03-bedroom.jpg"
CJPEG = shutil.which("cjpeg")
SIZES = [(1, 1), (2, 3), (7, 5), (8, 8), (9, 9), (16, 16), (17, 33), (33, 17), (1, 64), (64, 1), (31, 31), (65, 7)]
SAMPLINGS = {
    "444": "1x1",
    "422": "2x1",
    "440": "1x2",
    "420": "2x2",
    "411": "4x1",
    "441": "1x4",
    "410": "4x2",
    "311": "3x1",
    "tall-chroma": "2x2,1x2,1x2",
    "wide-chroma": "2x2,2x1,2x1",
    "uneven-chroma": "2x2,2x2,1x1",
    "large-chroma": "1x1,2x2,1x1",
    "crossed": "2x1,1x2,1x1",
}
SEPARATE = "0;\n1;\n2;\n"
PAIR = "0;\n1 2;\n"
LUMA_LAST = "2;\n1;\n0;\n"
PROGRESSIVE_PARTS = "0: 0-0, 0, 1;\n1: 0-0, 0, 0;\n2: 0-0, 0, 0;\n0: 1-63, 0, 0;\n2: 1-63, 0, 1;\n1: 1-63, 0, 0;\n0: 0-0, 1, 0;\n2: 1-63, 1, 0;\n"
MODES = {
    "baseline": [],
    "optimized": ["-optimize"],
    "progressive": ["-progressive"],
    "arithmetic": ["-arithmetic"],
    "arithmetic-progressive": ["-arithmetic", "-progressive"],
    "restart-rows": ["-restart", "1"],
    "restart-units": ["-restart", "3B"],
    "separate": ["-scans", SEPARATE],
    "pair": ["-scans", PAIR],
    "luma-last": ["-scans", LUMA_LAST],
    "progressive-parts": ["-scans", PROGRESSIVE_PARTS],
    "separate-restart": ["-restart", "5B", "-scans", SEPARATE],
}


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """The photo with patches of strong colour, so that a wrong colour space cannot hide."""
    picture = Image.open(PHOTO).convert("RGB").resize((max(width, 8), max(height, 8)), Image.Resampling.LANCZOS)
    array = numpy.array(picture.crop((0, 0, width, height)))
    hues = [(200, 40, 40), (40, 170, 60), (50, 60, 200), (220, 200, 60)]
    for index, hue in enumerate(hues):
        array[-max(height // 4, 1) :, index * width // 4 : (index + 1) * width // 4] = hue
    return Image.fromarray(array)


def cjpeg(picture: Image.Image, *arguments: str) -> bytes | None:
    if CJPEG is None:
        return None
    source = io.BytesIO()
    picture.save(source, "ppm")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
        command = [CJPEG]
        for argument in arguments:
            if ";" in argument:
                script.write(argument)
                script.flush()
                argument = script.name
            command.append(argument)
        done = subprocess.run(command, input=source.getvalue(), capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def pillow(picture: Image.Image, **options) -> bytes:
    target = io.BytesIO()
    picture.save(target, "jpeg", **{"quality": 90, **options})
    return target.getvalue()


def segments(jpeg: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The segments before the first scan (marker, payload), and the rest from the scan's marker on."""
    found, position = [], 2
    while jpeg[position + 1] != 0xDA:
        length = int.from_bytes(jpeg[position + 2 : position + 4], "big")
        found.append((jpeg[position + 1], jpeg[position + 4 : position + 2 + length]))
        position += 2 + length
    return found, jpeg[position:]


def joined(parts, rest: bytes) -> bytes:
    body = b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data for marker, data in parts)
    return b"\xff\xd8" + body + rest


JFIF = (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform: int) -> tuple[int, bytes]:
    return (0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def marked(jpeg: bytes, marks, ids: bytes | None = None) -> bytes:
    """The same data with other marks of colour, and other names of the channels."""
    parts, rest = segments(jpeg)
    parts = [part for part in parts if part[0] not in (0xE0, 0xEE)]
    if ids is not None:
        frames = {marker: bytearray(data) for marker, data in parts if 0xC0 <= marker <= 0xC2}
        (marker, frame), scan = next(iter(frames.items())), bytearray(rest)
        for index, name in enumerate(ids):
            frame[6 + 3 * index] = name
            scan[5 + 2 * index] = name
        parts = [(kind, bytes(frame) if kind == marker else data) for kind, data in parts]
        rest = bytes(scan)
    return joined([*marks, *parts], rest)


def exif(orientation: int, endian: str) -> tuple[int, bytes]:
    head = b"II*\0\x08\0\0\0" if endian == "<" else b"MM\0*\0\0\0\x08"
    entry = struct.pack(endian + "HHHIHH", 1, 0x0112, 3, 1, orientation, 0)
    return (0xE1, b"Exif\0\0" + head + entry + b"\0\0\0\0")


def profile(red, green, blue, gamma: float, grey: bool = False) -> bytes:
    """An ICC profile of version 2 with one gamma; primaries are XYZ under D50."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    def text(value: bytes) -> bytes:
        return b"desc\0\0\0\0" + struct.pack(">I", len(value) + 1) + value + b"\0" + bytes(78)

    curve = b"curv\0\0\0\0\0\0\0\x01" + struct.pack(">H", round(gamma * 256))
    tags = {b"desc": text(b"made for a test"), b"cprt": b"text\0\0\0\0none\0", b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        tags |= {b"rXYZ": b"XYZ \0\0\0\0" + fixed(*red), b"gXYZ": b"XYZ \0\0\0\0" + fixed(*green), b"bXYZ": b"XYZ \0\0\0\0" + fixed(*blue)}
        tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body, position = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", position, len(data))
        body += data
        position += len(data)
    space = b"GRAY" if grey else b"RGB "
    header = struct.pack(">I4sI4s4s4s", position, b"\0\0\0\0", 0x02200000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2025, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + body


WIDE = profile((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446), 2.2)
CINEMA = profile((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841), 2.2)
GREY = profile(None, None, None, 1.8, grey=True)


def icc(data: bytes, count: int = 1, order=None) -> list[tuple[int, bytes]]:
    step = -(-len(data) // count)
    pieces = [data[index * step : (index + 1) * step] for index in range(count)]
    parts = [(0xE2, b"ICC_PROFILE\0" + bytes([index + 1, count]) + piece) for index, piece in enumerate(pieces)]
    return [parts[index] for index in order] if order else parts


def with_parts(jpeg: bytes, extra) -> bytes:
    parts, rest = segments(jpeg)
    first = [part for part in parts if part[0] == 0xE0]
    return joined([*first, *extra, *[part for part in parts if part[0] != 0xE0]], rest)


def layouts():
    picture = scene()
    for sampling, factors in SAMPLINGS.items():
        for mode, arguments in MODES.items():
            yield f"layout/{sampling}-{mode}", cjpeg(picture, "-quality", "90", "-sample", factors, *arguments)
    yield "layout/fractional", cjpeg(picture, "-sample", "3x1,2x1,1x1")
    for mode in ("baseline", "progressive", "arithmetic", "restart-units"):
        yield f"layout/gray-{mode}", cjpeg(picture, "-grayscale", *MODES[mode])
        yield f"layout/rgb-{mode}", cjpeg(picture, "-rgb", *MODES[mode])
    for quality in (1, 10, 50, 75, 98, 100):
        for mode in ("baseline", "progressive"):
            yield f"quality/{quality}-{mode}", cjpeg(picture, "-quality", str(quality), *MODES[mode])


def sizes():
    for width, height in SIZES:
        picture = scene(width, height)
        for name, options in {"444": {"subsampling": 0}, "422": {"subsampling": 1}, "420": {"subsampling": 2}}.items():
            yield f"size/{width}x{height}-{name}", pillow(picture, **options)
        yield f"size/{width}x{height}-progressive", pillow(picture, progressive=True)
        yield f"size/{width}x{height}-gray", pillow(picture.convert("L"))
        yield f"size/{width}x{height}-410", cjpeg(picture, "-sample", "4x2")


def colours():
    picture = scene()
    stored = {"ycc": pillow(picture, subsampling=0), "ycc420": pillow(picture, subsampling=2)}
    rgb = cjpeg(picture, "-rgb", "-quality", "90")
    if rgb:
        stored["rgb"] = rgb
    marks = {
        "none": [],
        "jfif": [JFIF],
        **{f"adobe{transform}": [adobe(transform)] for transform in (0, 1, 2)},
        **{f"jfif-adobe{transform}": [JFIF, adobe(transform)] for transform in (0, 1, 2)},
        **{f"adobe{transform}-jfif": [adobe(transform), JFIF] for transform in (0, 1)},
    }
    names = {"123": b"\1\2\3", "012": b"\0\1\2", "RGB": b"RGB", "odd": b"\x22\x23\x24", "321": b"\3\2\1"}
    for data, jpeg in stored.items():
        for mark, parts in marks.items():
            for name, ids in names.items():
                if data == "ycc420" and name in ("012", "odd"):
                    continue
                yield f"colour/{data}-{mark}-{name}", marked(jpeg, parts, ids)
    grey = pillow(picture.convert("L"))
    for mark, parts in marks.items():
        yield f"colour/gray-{mark}", marked(grey, parts)
    inks = pillow(picture.convert("CMYK"))
    for mark in ("none", "adobe0", "adobe2", "jfif-adobe0", "jfif-adobe2", "jfif"):
        yield f"colour/inks-{mark}", marked(inks, marks[mark])
    yield "colour/inks-progressive", pillow(picture.convert("CMYK"), progressive=True)


def turned():
    for name, jpeg in {"baseline": pillow(scene()), "progressive": pillow(scene(33, 17), progressive=True)}.items():
        for orientation in range(0, 10):
            endian = "<" if orientation % 2 else ">"
            yield f"turned/{name}-{orientation}", with_parts(jpeg, [exif(orientation, endian)])


def profiles():
    picture = scene()
    jpeg, grey = pillow(picture), pillow(picture.convert("L"))
    yield "profile/wide", with_parts(jpeg, icc(WIDE))
    yield "profile/cinema", with_parts(jpeg, icc(CINEMA))
    yield "profile/wide-progressive", with_parts(pillow(picture, progressive=True), icc(WIDE))
    yield "profile/three-pieces", with_parts(jpeg, icc(WIDE, 3))
    yield "profile/out-of-order", with_parts(jpeg, icc(WIDE, 3, (2, 0, 1)))
    yield "profile/gray", with_parts(grey, icc(GREY))
    yield "profile/turned", with_parts(jpeg, [exif(6, "<"), *icc(WIDE)])
    yield "profile/before-jfif", marked(jpeg, [*icc(WIDE), JFIF])


def ends():
    picture = scene(384, 256)
    made = {
        "baseline": pillow(picture),
        "progressive": pillow(picture, progressive=True),
        "gray": pillow(picture.convert("L")),
        "inks": pillow(picture.convert("CMYK")),
        "restart": cjpeg(picture, "-restart", "4B"),
        "separate": cjpeg(picture, "-scans", SEPARATE),
    }
    samsung = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1700000000000SEFHk\0\0\0\x01\0\0\0\0\0\x01\x0a\x23\0\0\0\x23\0\0\0\x18\0\0\0SEFT"
    for name, jpeg in made.items():
        if jpeg is None:
            continue
        yield f"end/{name}-missing", jpeg[:-2]
        yield f"end/{name}-trailer-for-it", jpeg[:-2] + samsung
        yield f"end/{name}-trailer", jpeg + samsung
        yield f"end/{name}-second-picture", jpeg + pillow(picture.resize((32, 32)))
        yield f"end/{name}-zeros-behind", jpeg + bytes(5000)
        yield f"end/{name}-twice", jpeg + b"\xff\xd9"
        yield f"end/{name}-film", jpeg + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20
    jpeg = made["baseline"]
    yield "end/padding-before-it", jpeg[:-2] + bytes(500) + b"\xff\xd9"
    yield "end/fill-bytes-before-it", jpeg[:-2] + b"\xff" * 500 + b"\xff\xd9"
    parts, rest = segments(jpeg)
    yield "segment/fill-bytes", jpeg[:2] + b"\xff" * 7 + jpeg[2:]
    yield "segment/stray-bytes", jpeg[:20] + b"\0\1\2" + jpeg[20:]
    yield "segment/standard-tables-left-out", joined([part for part in parts if part[0] != 0xC4], rest)
    yield "segment/comments", joined([parts[0], (0xFE, b"one"), (0xFE, b""), *parts[1:]], rest)
    yield "segment/no-restarts-said", joined([*parts, (0xDD, b"\0\0")], rest)
    yield "segment/unknown-applications", joined([*[(0xE0 + n, bytes(range(200))) for n in range(3, 13)], *parts], rest)
    yield "segment/largest", joined([parts[0], (0xE5, bytes(65533)), *parts[1:]], rest)
    yield "segment/tables-between-scans", jpeg if CJPEG is None else cjpeg(picture, "-optimize", "-scans", SEPARATE)
    yield "segment/jfif-of-the-future", joined([(0xE0, b"JFIF\0\3\1\0\0\1\0\1\0\0"), *parts[1:]], rest)
    yield "segment/odd-thumbnail", joined([(0xE0, b"JFIF\0\1\1\0\0\1\0\1\x05\x05" + bytes(20)), *parts[1:]], rest)


def refused():
    """What no reader shows right, or what is damaged: refused, each with its reason."""
    picture = scene(384, 256)
    jpeg = pillow(picture)
    other = pillow(picture.transpose(Image.Transpose.ROTATE_180))
    parts, rest = segments(jpeg)

    def frame(change):
        return joined([(change(marker), data) if marker == 0xC0 else (marker, data) for marker, data in parts], rest)

    def header(position: int, value: int):
        changed = [(marker, data[:position] + bytes([value]) + data[position + 1 :]) if marker == 0xC0 else (marker, data) for marker, data in parts]
        return joined(changed, rest)

    yield "kind/12-bits", header(0, 12)
    yield "kind/lossless", frame(lambda _: 0xC3)
    yield "kind/hierarchical", frame(lambda _: 0xC5)
    yield "kind/height-behind-the-data", joined([(m, d[:1] + b"\0\0" + d[3:]) if m == 0xC0 else (m, d) for m, d in parts], rest)
    yield "damage/no-quantisation", joined([part for part in parts if part[0] != 0xDB], rest)
    middle = len(jpeg) * 6 // 10
    yield "damage/cut", jpeg[:middle]
    yield "damage/cut-with-end", jpeg[:middle] + b"\xff\xd9"
    yield "damage/zeros", jpeg[:middle] + bytes(len(jpeg) - middle)
    yield "damage/zeros-with-end", jpeg[:middle] + bytes(len(jpeg) - middle) + b"\xff\xd9"
    yield "damage/hole", jpeg[:middle] + jpeg[middle + 300 :]
    yield "damage/another-tail", jpeg[:middle] + other[middle:]
    yield "damage/another-picture", jpeg[:middle] + other
    slow = pillow(picture, progressive=True)
    scans = [position for position in range(len(slow)) if slow[position : position + 2] == b"\xff\xda"]
    yield "damage/progressive-first-scan", slow[: scans[1]] + b"\xff\xd9"
    yield "damage/progressive-last-scan-lost", slow[: scans[-1]] + b"\xff\xd9"
    yield "damage/progressive-cut", slow[: len(slow) * 2 // 3]


def main() -> None:
    folder = Path(sys.argv[1])
    count, missing = 0, 0
    for group in (layouts, sizes, colours, turned, profiles, ends, refused):
        for name, jpeg in group():
            if not jpeg:
                missing += 1
                continue
            path = folder / f"jpeg-{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg)
            count += 1
    print(f"make_jpeg.py: {count} variants, {missing} that the programs here do not make")


if __name__ == "__main__":
    main()
