"""HEIC as phones write it: a grid of equal tiles, each coded by itself (ISO/IEC 23008-12, 6.6.2.3.2).

No encoder here writes grids, so tiles are coded one by one and put into one container.
"""

import io
import struct

import numpy
from PIL import Image


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def found(data: bytes, kind: bytes) -> bytes:
    """The first box of this kind, whole."""
    start = data.index(kind) - 4
    return data[start : start + struct.unpack_from(">I", data, start)[0]]


def grid(picture: Image.Image, tile: int = 512, **options) -> bytes:
    """The picture in tiles of `tile` pixels a side; those at the right and lower edge reach over it."""
    width, height = picture.size
    across, down = -(-width // tile), -(-height // tile)
    pad = ((0, down * tile - height), (0, across * tile - width), (0, 0))
    pixels = numpy.pad(numpy.array(picture), pad, mode="edge")
    coded = []
    for row in range(down):
        for column in range(across):
            part = pixels[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
            stream = io.BytesIO()
            Image.fromarray(part).save(stream, "HEIF", **options)
            coded.append(stream.getvalue())
    data = [found(one, b"mdat")[8:] for one in coded]
    whole = len(coded) + 1
    layout = struct.pack(">BBBBHH", 0, 0, down - 1, across - 1, width, height)
    data.append(layout)

    def size(width: int, height: int) -> bytes:
        return full(b"ispe", 0, 0, struct.pack(">II", width, height))

    properties = [found(coded[0], b"hvcC"), size(tile, tile), size(width, height), found(coded[0], b"colr")]
    # Every tile: configuration (essential), its size, colour. The whole: size, colour.
    uses = b"".join(struct.pack(">HBBBB", item, 3, 0x81, 2, 4) for item in range(1, whole))
    uses += struct.pack(">HBBB", whole, 2, 3, 4)
    entries = b"".join(full(b"infe", 2, 1, struct.pack(">HH4sB", item, 0, b"hvc1", 0)) for item in range(1, whole))
    entries += full(b"infe", 2, 0, struct.pack(">HH4sB", whole, 0, b"grid", 0))
    tiles = struct.pack(f">HH{whole - 1}H", whole, whole - 1, *range(1, whole))

    def meta(start: int) -> bytes:
        places = b""
        for item, part in enumerate(data, 1):
            places += struct.pack(">HHHII", item, 0, 1, start, len(part))
            start += len(part)
        return full(
            b"meta",
            0,
            0,
            full(b"hdlr", 0, 0, struct.pack(">I4s12xB", 0, b"pict", 0)),
            full(b"pitm", 0, 0, struct.pack(">H", whole)),
            full(b"iinf", 0, 0, struct.pack(">H", whole), entries),
            full(b"iref", 0, 0, box(b"dimg", tiles)),
            box(b"iprp", box(b"ipco", *properties), full(b"ipma", 0, 0, struct.pack(">I", whole), uses)),
            full(b"iloc", 0, 0, struct.pack(">BBH", 0x44, 0, whole), places),
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", *data)
