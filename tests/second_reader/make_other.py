"""Writes pictures of every kind but JPEG: `make_other.py FOLDER`.

Each variant is one photo, 96 x 64 pixels, written in another way. For most of them what a right reader shows is
computed here from the samples and the formats' own formulas (`expected(name)`), so that no other decoder needs to be
believed; the rest (lossy formats) is compared with other readers alone.
"""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy
import tifffile
from PIL import Image, ImageCms

import heic_grid

HERE = Path(__file__).resolve().parent
PHOTO = HERE.parent.parent / "fixtures/listings/maple-street/01-living-room_bracket-2.jpg"
ROOM = HERE.parent.parent / "fixtures/listings/maple-street/03-bedroom.jpg"
WIDTH, HEIGHT = 96, 64

REFUSED = "refused"
"""Stands for a picture that must be refused."""


def scene() -> numpy.ndarray:
    """The photo, with a ramp of grey and patches of strong colour below, so that every tone and hue is there."""
    photos = sorted(PHOTO.parent.glob("*.jpg"))
    path = PHOTO if PHOTO.exists() else photos[0]
    picture = Image.open(path).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    array = numpy.array(picture)
    ramp = numpy.linspace(0, 255, WIDTH).round().astype(numpy.uint8)
    array[-8:-4] = ramp[None, :, None]
    hues = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (200, 120, 40), (40, 120, 200)]
    for index, hue in enumerate(hues):
        array[-4:, index * 12 : index * 12 + 12] = hue
    return array


SCENE = scene()
GREY = (SCENE.astype(float) @ [0.299, 0.587, 0.114]).round().astype(numpy.uint8)
FADE = numpy.tile(numpy.linspace(0, 255, WIDTH).round().astype(numpy.uint8), (HEIGHT, 1))


def decoded(values):
    """sRGB's curve undone; 0 to 1."""
    values = numpy.asarray(values, float)
    return numpy.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(values):
    """sRGB's curve; 0 to 1."""
    values = numpy.clip(values, 0, 1)
    return numpy.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def levels(values) -> numpy.ndarray:
    return numpy.clip(numpy.round(numpy.asarray(values) * 255), 0, 255).astype(numpy.uint8)


def three(grey: numpy.ndarray) -> numpy.ndarray:
    return numpy.repeat(grey[..., None], 3, axis=2)


def on_white(colour, alpha) -> numpy.ndarray:
    share = alpha.astype(float)[..., None] / 255
    return numpy.round(colour * share + 255 * (1 - share)).astype(numpy.uint8)


def matrix(white, red, green, blue) -> numpy.ndarray:
    """Linear RGB of these primaries to XYZ."""
    columns = numpy.array([[x / y, 1, (1 - x - y) / y] for x, y in (red, green, blue)]).T
    x, y = white
    return columns * numpy.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


D65 = (0.3127, 0.3290)
SRGB = (D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE = (D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
P3 = (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT2020 = (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))


def from_primaries(array, primaries, curve) -> numpy.ndarray:
    linear = curve(array.astype(float) / 255)
    change = numpy.linalg.inv(matrix(*SRGB)) @ matrix(*primaries)
    return levels(encoded(linear @ change.T))


def profile(primaries, gamma: float) -> bytes:
    """An ICC profile (version 2) of three primaries and a power curve."""
    bradford = numpy.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    x, y = primaries[0]
    source = bradford @ [x / y, 1, (1 - x - y) / y]
    target = bradford @ [0.9642, 1, 0.8249]
    adapt = numpy.linalg.inv(bradford) @ numpy.diag(target / source) @ bradford
    columns = adapt @ matrix(*primaries)
    fixed = lambda values: b"".join(struct.pack(">i", round(v * 65536)) for v in values)
    xyz = lambda values: b"XYZ \0\0\0\0" + fixed(values)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78 + 1)
    tags = [
        (b"desc", name), (b"cprt", b"text\0\0\0\0CC0\0"), (b"wtpt", xyz([0.9642, 1, 0.8249])),
        (b"rXYZ", xyz(columns[:, 0])), (b"gXYZ", xyz(columns[:, 1])), (b"bXYZ", xyz(columns[:, 2])),
        (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve),
    ]
    table, data = struct.pack(">I", len(tags)), b""
    for tag, content in tags:
        table += tag + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI12s12s4s", 0, bytes(4), 0x02100000, b"mntrRGB XYZ ", bytes(12), b"acsp")
    head += bytes(68 - len(head)) + fixed([0.9642, 1, 0.8249])
    head += bytes(128 - len(head))
    whole = head + table + data
    return struct.pack(">I", len(whole)) + whole[4:]


ADOBE_ICC = profile(ADOBE, 2.19921875)
P3_ICC = profile(P3, 2.2)
AS_ADOBE = from_primaries(SCENE, ADOBE, lambda v: v**2.19921875)
AS_P3_22 = from_primaries(SCENE, P3, lambda v: v**2.2)


# ---------------------------------------------------------------- EXIF and XMP


def exif(orientation: int, endian: str = "<", space: int | None = None, interop: bytes | None = None) -> bytes:
    """A TIFF structure with an orientation and, in an EXIF directory, the colour space."""
    mark = b"II*\0" if endian == "<" else b"MM\0*"
    pack = lambda form, *values: struct.pack(endian + form, *values)
    short = lambda tag, value: pack("HHIHH", tag, 3, 1, value, 0)
    long = lambda tag, value: pack("HHII", tag, 4, 1, value)
    if space is None:
        return mark + pack("IH", 8, 1) + short(0x112, orientation) + pack("I", 0)
    first = 8
    second = first + 2 + 12 * 2 + 4
    entries = [short(0xA001, space)]
    if interop:
        third = second + 2 + 12 * 2 + 4
        entries.append(long(0xA005, third))
    block = mark + pack("IH", first, 2) + short(0x112, orientation) + long(0x8769, second) + pack("I", 0)
    block += pack("H", len(entries)) + b"".join(entries) + pack("I", 0)
    if interop:
        block += pack("H", 1) + pack("HHI", 1, 2, 4) + interop + pack("I", 0)
    return block


def xmp(orientation: int, element: bool = False) -> bytes:
    inner = (
        f"<rdf:Description rdf:about=''><tiff:Orientation>{orientation}</tiff:Orientation></rdf:Description>"
        if element
        else f"<rdf:Description rdf:about='' tiff:Orientation=\"{orientation}\"/>"
    )
    return (
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' "
        f"xmlns:tiff='http://ns.adobe.com/tiff/1.0/'>{inner}</rdf:RDF></x:xmpmeta>"
    ).encode()


def upright(array, orientation: int) -> numpy.ndarray:
    turns = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: numpy.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2), 8: lambda a: numpy.rot90(a),
    }
    return numpy.ascontiguousarray(turns[orientation](array))


# ---------------------------------------------------------------- PNG


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_rows(samples: numpy.ndarray, bits: int) -> bytes:
    """Rows of samples (height, width, channels), packed, each behind a filter of another type."""
    height, width, channels = samples.shape
    if bits == 16:
        packed = samples.astype(">u2").view(numpy.uint8).reshape(height, -1)
    elif bits == 8:
        packed = samples.astype(numpy.uint8).reshape(height, -1)
    else:
        flat = samples.reshape(height, -1)
        places = numpy.unpackbits(flat.astype(numpy.uint8)[..., None], axis=2)[..., 8 - bits :]
        packed = numpy.packbits(places.reshape(height, -1), axis=1)
    step = max(1, bits * channels // 8)
    rows, before = b"", numpy.zeros(packed.shape[1], int)
    for index, row in enumerate(packed.astype(int)):
        left = numpy.concatenate([numpy.zeros(step, int), row])[: len(row)]
        corner = numpy.concatenate([numpy.zeros(step, int), before])[: len(row)]
        kind = index % 5
        guess = left + before - corner
        distances = numpy.stack([abs(guess - left), abs(guess - before), abs(guess - corner)])
        paeth = numpy.choose(distances.argmin(axis=0), [left, before, corner])
        predicted = [0 * row, left, before, (left + before) // 2, paeth][kind]
        rows += bytes([kind]) + ((row - predicted) % 256).astype(numpy.uint8).tobytes()
        before = row
    return rows


def png(samples, bits=8, kind=None, before=(), after=(), interlace=False) -> bytes:
    samples = samples if samples.ndim == 3 else samples[..., None]
    height, width, channels = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels] if kind is None else kind
    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        rows = b"".join(png_rows(samples[y::down, x::across], bits) for x, y, across, down in passes)
    else:
        rows = png_rows(samples, bits)
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlace))
    packed = zlib.compress(rows)
    middle = [(b"IDAT", packed[:1000]), (b"IDAT", packed[1000:])]
    chunks = [(b"IHDR", head), *before, *middle, *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in chunks)


def hex_text(kind: str, block: bytes) -> bytes:
    digits = block.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{kind}\n{len(block):8}\n{lines}\n".encode()


def numbers(*values) -> bytes:
    return b"".join(struct.pack(">I", round(value * 100000)) for value in values)


def chromaticities(primaries) -> bytes:
    return numbers(*[value for point in primaries for value in point])


def png_variants():
    for bits in (1, 2, 4, 8, 16):
        most = 2**bits - 1
        grey = numpy.round(GREY / 255 * most).astype(int)
        shown = three(levels(grey / most))
        for interlace in (False, True):
            tail = "-interlaced" if interlace else ""
            yield f"grey{bits}{tail}.png", png(grey, bits, interlace=interlace), shown
            clear = struct.pack(">H", int(grey[0, 0]))
            yield (
                f"grey{bits}-trns{tail}.png",
                png(grey, bits, before=[(b"tRNS", clear)], interlace=interlace),
                numpy.where((grey == grey[0, 0])[..., None], 255, shown).astype(numpy.uint8),
            )
            if bits <= 8:
                palette = numpy.array([[i * 255 // most, 255 - i * 200 // most, (i * 77) % 256] for i in range(most + 1)])
                colours = palette.astype(numpy.uint8).tobytes()
                yield (
                    f"palette{bits}{tail}.png",
                    png(grey, bits, 3, [(b"PLTE", colours)], interlace=interlace),
                    palette[grey].astype(numpy.uint8),
                )
                alpha = numpy.array([(i * 97) % 256 for i in range(most + 1)])
                yield (
                    f"palette{bits}-trns{tail}.png",
                    png(grey, bits, 3, [(b"PLTE", colours), (b"tRNS", bytes(alpha.astype(numpy.uint8)))], interlace=interlace),
                    on_white(palette[grey], alpha[grey]),
                )
    for bits in (8, 16):
        scale = 1 if bits == 8 else 257
        for interlace in (False, True):
            tail = f"{bits}{'-interlaced' if interlace else ''}"
            wide = SCENE.astype(int) * scale
            fade = FADE.astype(int)[..., None] * scale
            yield f"rgb{tail}.png", png(wide, bits, interlace=interlace), SCENE
            yield f"rgba{tail}.png", png(numpy.dstack([wide, fade]), bits, interlace=interlace), on_white(SCENE, FADE)
            grey = GREY.astype(int)[..., None] * scale
            yield f"greya{tail}.png", png(numpy.dstack([grey, fade]), bits, interlace=interlace), on_white(three(GREY), FADE)
            clear = struct.pack(">HHH", *wide[-1, 0])
            same = (wide == wide[-1, 0]).all(axis=2)[..., None]
            yield f"rgb{tail}-trns.png", png(wide, bits, before=[(b"tRNS", clear)], interlace=interlace), numpy.where(same, 255, SCENE).astype(numpy.uint8)
    yield from png_colours()
    yield from png_orientations()


def png_colours():
    gamma = lambda value: (b"gAMA", numbers(value))
    power = lambda value: (lambda v: v ** (1 / value))
    icc = lambda data: (b"iCCP", b"icc\0\0" + zlib.compress(data))
    alone = lambda value: from_primaries(SCENE, SRGB, power(value))
    cases = {
        "gama-1.8": ([gamma(0.55556)], alone(0.55556)),
        "gama-linear": ([gamma(1.0)], alone(1.0)),
        "gama-srgb": ([gamma(0.45455)], SCENE),
        "gama-near-srgb": ([gamma(0.4645)], SCENE),
        "gama-zero": ([gamma(0)], SCENE),
        "srgb-and-gama": ([(b"sRGB", b"\0"), gamma(1.0)], SCENE),
        "srgb-and-chrm": ([(b"sRGB", b"\0"), (b"cHRM", chromaticities(ADOBE)), gamma(0.45455)], SCENE),
        "chrm-alone": ([(b"cHRM", chromaticities(ADOBE))], SCENE),
        "chrm-nonsense": ([(b"cHRM", bytes(32)), gamma(0.45455)], SCENE),
        "icc-adobe": ([icc(ADOBE_ICC)], AS_ADOBE),
        "icc-p3": ([icc(P3_ICC)], AS_P3_22),
        "icc-broken": ([icc(b"this is not a profile")], SCENE),
        "icc-and-gama": ([icc(ADOBE_ICC), gamma(1.0)], AS_ADOBE),
        "cicp-srgb": ([(b"cICP", bytes([1, 13, 0, 1]))], SCENE),
        "cicp-p3": ([(b"cICP", bytes([12, 13, 0, 1]))], from_primaries(SCENE, P3, decoded)),
        "cicp-bt2020": ([(b"cICP", bytes([9, 13, 0, 1]))], from_primaries(SCENE, BT2020, decoded)),
        "cicp-linear": ([(b"cICP", bytes([1, 8, 0, 1]))], levels(encoded(SCENE / 255.0))),
        "cicp-2.2": ([(b"cICP", bytes([1, 4, 0, 1]))], from_primaries(SCENE, SRGB, lambda v: v**2.2)),
        "cicp-and-icc": ([(b"cICP", bytes([12, 13, 0, 1])), icc(ADOBE_ICC)], from_primaries(SCENE, P3, decoded)),
        "cicp-unknown-and-icc": ([(b"cICP", bytes([2, 2, 0, 1])), icc(ADOBE_ICC)], AS_ADOBE),
        "cicp-matrix-and-icc": ([(b"cICP", bytes([12, 13, 1, 1])), icc(ADOBE_ICC)], AS_ADOBE),
        "cicp-pq": ([(b"cICP", bytes([9, 16, 0, 1]))], REFUSED),
        "cicp-hlg": ([(b"cICP", bytes([9, 18, 0, 1]))], REFUSED),
        "cicp-video-range": ([(b"cICP", bytes([1, 13, 0, 0]))], REFUSED),
        "exif-adobe": ([(b"eXIf", exif(1, "<", 65535, b"R03\0"))], AS_ADOBE),
        "exif-adobe-2": ([(b"eXIf", exif(1, "<", 2))], AS_ADOBE),
        "exif-uncalibrated": ([(b"eXIf", exif(1, "<", 65535))], SCENE),
        "exif-srgb-r98": ([(b"eXIf", exif(1, ">", 1, b"R98\0"))], SCENE),
        "exif-adobe-and-srgb": ([(b"sRGB", b"\0"), (b"eXIf", exif(1, "<", 65535, b"R03\0"))], SCENE),
        "exif-adobe-and-icc": ([icc(P3_ICC), (b"eXIf", exif(1, "<", 65535, b"R03\0"))], AS_P3_22),
    }
    for name, primaries in (("adobe", ADOBE), ("p3", P3), ("srgb", SRGB)):
        for value in (0.45455, 0.55556, 1.0):
            cases[f"chrm-{name}-gama-{value}"] = (
                [gamma(value), (b"cHRM", chromaticities(primaries))],
                from_primaries(SCENE, primaries, power(value)),
            )
    for name, (before, shown) in cases.items():
        yield f"colour-{name}.png", png(SCENE, before=before), shown
        if name in ("icc-adobe", "cicp-p3", "gama-1.8", "chrm-adobe-gama-0.45455"):
            yield f"colour16-{name}.png", png(SCENE.astype(int) * 257, 16, before=before), shown


def png_orientations():
    places = {
        "exif": lambda o: dict(before=[(b"eXIf", exif(o))]),
        "exif-big": lambda o: dict(before=[(b"eXIf", exif(o, ">"))]),
        "exif-prefix": lambda o: dict(before=[(b"eXIf", b"Exif\0\0" + exif(o))]),
        "exif-late": lambda o: dict(after=[(b"eXIf", exif(o))]),
        "text": lambda o: dict(before=[(b"tEXt", b"Raw profile type exif\0" + hex_text("exif", b"Exif\0\0" + exif(o)))]),
        "ztxt": lambda o: dict(before=[(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hex_text("exif", b"Exif\0\0" + exif(o))))]),
        "ztxt-app1": lambda o: dict(before=[(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(hex_text("app1", b"Exif\0\0" + exif(o))))]),
        "itxt-exif": lambda o: dict(before=[(b"iTXt", b"Raw profile type exif\0\0\0\0\0" + hex_text("exif", b"Exif\0\0" + exif(o)))]),
        "xmp": lambda o: dict(before=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(o))]),
        "xmp-element": lambda o: dict(after=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(o, True))]),
        "xmp-packed": lambda o: dict(before=[(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(o)))]),
        "exif-over-xmp": lambda o: dict(before=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(1 + o % 8)), (b"eXIf", exif(o))]),
        "bad-exif-then-xmp": lambda o: dict(before=[(b"eXIf", exif(9)), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(o))]),
    }
    for place, chunks in places.items():
        for orientation in range(1, 9) if place in ("exif", "xmp") else (3, 6):
            yield f"turn-{place}-{orientation}.png", png(SCENE, **chunks(orientation)), upright(SCENE, orientation)
    yield "turn-invalid-0.png", png(SCENE, before=[(b"eXIf", exif(0))]), SCENE
    yield "turn-invalid-xmp.png", png(SCENE, before=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(9))]), SCENE


# ---------------------------------------------------------------- TIFF


def tif(array, **options) -> bytes:
    stream = io.BytesIO()
    options.setdefault("metadata", None)
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def pillow(picture, form, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def tiff_variants():
    rgb = dict(photometric="rgb")
    sizes = {"u8": 1, "u16": 257, "u32": 16843009, "u64": 72340172838076673}
    kinds = {"u8": "u1", "u16": "u2", "u32": "u4", "u64": "u8"}
    for name, scale in sizes.items():
        wide = SCENE.astype(kinds[name]) * numpy.array(scale, kinds[name])
        grey = GREY.astype(kinds[name]) * numpy.array(scale, kinds[name])
        for order in "<>":
            end = "le" if order == "<" else "be"
            yield f"{name}-{end}.tif", tif(wide, byteorder=order, **rgb), SCENE
            yield f"{name}-{end}-big.tif", tif(wide, byteorder=order, bigtiff=True, **rgb), SCENE
            yield f"{name}-{end}-deflate-predictor.tif", tif(wide, byteorder=order, compression="zlib", predictor=2, **rgb), SCENE
            yield f"{name}-{end}-planes.tif", tif(numpy.moveaxis(wide, 2, 0).copy(), byteorder=order, planarconfig="separate", **rgb), SCENE
        yield f"{name}-lzw.tif", tif(wide, compression="lzw", rowsperstrip=7, **rgb), SCENE
        yield f"{name}-lzw-predictor.tif", tif(wide, compression="lzw", predictor=2, rowsperstrip=5, **rgb), SCENE
        yield f"{name}-packbits.tif", tif(wide, compression="packbits", rowsperstrip=9, **rgb), SCENE
        yield f"{name}-tiles.tif", tif(wide, tile=(32, 32), compression="zlib", **rgb), SCENE
        yield f"{name}-tiles-predictor.tif", tif(wide, tile=(48, 64), compression="lzw", predictor=2, **rgb), SCENE
        yield f"{name}-tiles-planes.tif", tif(numpy.moveaxis(wide, 2, 0).copy(), tile=(48, 80), planarconfig="separate", compression="zlib", predictor=2, **rgb), SCENE
        yield f"{name}-grey.tif", tif(grey, photometric="minisblack"), three(GREY)
        yield f"{name}-white-is-zero.tif", tif(grey, photometric="miniswhite"), three(255 - GREY)
        most = numpy.array(255 * scale, kinds[name])
        alpha = FADE.astype(kinds[name]) * numpy.array(scale, kinds[name])
        yield f"{name}-alpha.tif", tif(numpy.dstack([wide, alpha]), extrasamples=["unassalpha"], **rgb), on_white(SCENE, FADE)
        del most
    linear = decoded(SCENE / 255.0)
    for name, kind in (("f16", "f2"), ("f32", "f4"), ("f64", "f8")):
        real = linear.astype(kind)
        yield f"{name}.tif", tif(real, **rgb), SCENE
        yield f"{name}-be.tif", tif(real, byteorder=">", **rgb), SCENE
        yield f"{name}-predictor.tif", tif(real, compression="zlib", predictor=3, **rgb), SCENE
        yield f"{name}-predictor-be-tiles.tif", tif(real, byteorder=">", tile=(32, 32), compression="lzw", predictor=3, **rgb), SCENE
        yield f"{name}-planes.tif", tif(numpy.moveaxis(real, 2, 0).copy(), planarconfig="separate", **rgb), SCENE
        yield f"{name}-grey.tif", tif(decoded(GREY / 255.0).astype(kind), photometric="minisblack"), three(GREY)
        yield f"{name}-beyond-one.tif", tif((SCENE.astype(kind)), **rgb), REFUSED
        icc = profile(ADOBE, 1.0)
        yield f"{name}-linear-icc.tif", tif((SCENE / 255.0).astype(kind), iccprofile=icc, **rgb), from_primaries(SCENE, ADOBE, lambda v: v)
        yield f"{name}-curved-icc.tif", tif((SCENE / 255.0).astype(kind), iccprofile=ADOBE_ICC, **rgb), AS_ADOBE
    for name, kind in (("i8", "i1"), ("i16", "i2"), ("i32", "i4")):
        yield f"{name}.tif", tif((SCENE // 2).astype(kind), **rgb), REFUSED
    yield "complex.tif", tif(linear.astype("c8"), **rgb), REFUSED
    yield "icc-adobe.tif", tif(SCENE, iccprofile=ADOBE_ICC, **rgb), AS_ADOBE
    yield "icc-adobe16.tif", tif(SCENE.astype("u2") * 257, iccprofile=ADOBE_ICC, **rgb), AS_ADOBE
    yield from tiff_channels()
    yield from tiff_pages()
    yield from tiff_pillow()


def tiff_channels():
    rgb = dict(photometric="rgb")
    five = numpy.dstack([SCENE, FADE, FADE])
    yield "alpha-associated.tif", tif(numpy.dstack([(SCENE * (FADE[..., None] / 255.0)).round().astype("u1"), FADE]), extrasamples=["assocalpha"], **rgb), on_white(SCENE, FADE)
    yield "extra-unspecified.tif", tif(numpy.dstack([SCENE, FADE]), extrasamples=["unspecified"], **rgb), SCENE
    yield "five-told.tif", tif(five, extrasamples=["unspecified", "unspecified"], **rgb), SCENE
    yield "alpha-and-selection.tif", tif(five, extrasamples=["unassalpha", "unspecified"], **rgb), on_white(SCENE, FADE)
    yield "grey-alpha.tif", tif(numpy.dstack([GREY, FADE]), photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig"), on_white(three(GREY), FADE)
    yield "stack-of-five.tif", tif(five, photometric="minisblack", planarconfig="contig", extrasamples=["unspecified"] * 4), REFUSED
    yield "stack-of-three.tif", tif(SCENE, photometric="minisblack", planarconfig="contig", extrasamples=["unspecified"] * 2), REFUSED
    yield "stack-of-four-planes.tif", tif(numpy.moveaxis(five, 2, 0)[:4].copy(), photometric="minisblack", planarconfig="separate"), REFUSED
    cmyk = numpy.dstack([255 - SCENE, numpy.zeros_like(GREY)])
    yield "cmyk.tif", tif(cmyk, photometric="separated"), SCENE
    yield "cmyk16.tif", tif(cmyk.astype("u2") * 257, photometric="separated"), SCENE
    yield "cmyk-planes.tif", tif(numpy.moveaxis(cmyk, 2, 0).copy(), photometric="separated", planarconfig="separate"), SCENE
    for bits in (10, 12, 14):
        pass
    for orientation in range(1, 9):
        yield f"turn-{orientation}.tif", tif(SCENE, extratags=[(274, 3, 1, orientation, True)], **rgb), upright(SCENE, orientation)
        yield f"turn-xmp-{orientation}.tif", tif(SCENE, extratags=[(700, 1, len(xmp(orientation)), xmp(orientation), True)], **rgb), upright(SCENE, orientation)


def tiff_pages():
    rgb = dict(photometric="rgb", metadata=None)
    small = SCENE[::4, ::4].copy()

    def pages(*parts, **options):
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream, **options) as writer:
            for array, extra in parts:
                writer.write(array, **rgb, **extra)
        return stream.getvalue()

    yield "pages-thumbnail-first.tif", pages((small, dict(subfiletype=1)), (SCENE, {})), SCENE
    yield "pages-thumbnail-first-unmarked.tif", pages((small, {}), (SCENE, {})), SCENE
    yield "pages-thumbnail-last.tif", pages((SCENE, {}), (small, dict(subfiletype=1))), SCENE
    yield "pages-large-copy-marked.tif", pages((SCENE, {}), (numpy.tile(255 - SCENE, (2, 2, 1)), dict(subfiletype=1))), SCENE
    yield "pages-document.tif", pages((SCENE, dict(subfiletype=2)), (255 - SCENE, dict(subfiletype=2))), SCENE
    yield "pages-pyramid.tif", pages((SCENE, dict(subifds=2)), (SCENE[::2, ::2].copy(), dict(subfiletype=1)), (small, dict(subfiletype=1))), SCENE
    yield "pages-bigtiff.tif", pages((small, dict(subfiletype=1)), (SCENE, dict(compression="lzw")), bigtiff=True), SCENE
    turned = dict(extratags=[(274, 3, 1, 6, True)])
    yield "pages-turned-second.tif", pages((small, dict(subfiletype=1)), (SCENE, turned)), upright(SCENE, 6)


def tiff_pillow():
    picture, grey = Image.fromarray(SCENE), Image.fromarray(GREY)
    black = grey.point(lambda v: 255 * (v > 127)).convert("1")
    shown = three(numpy.array(black.convert("L")))
    for packing in ("raw", "group4", "tiff_lzw", "packbits", "tiff_deflate"):
        yield f"bits1-{packing}.tif", pillow(black, "TIFF", compression=packing), shown
    yield "bits1-group3.tif", pillow(black, "TIFF", compression="group3"), REFUSED
    palette = picture.quantize(64)
    for packing in ("raw", "tiff_lzw"):
        yield f"palette-{packing}.tif", pillow(palette, "TIFF", compression=packing), numpy.array(palette.convert("RGB"))
    lab = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    yield "lab.tif", pillow(lab, "TIFF"), None
    for quality in (75, 95):
        yield f"jpeg-{quality}.tif", pillow(picture, "TIFF", compression="jpeg", quality=quality), None
        yield f"jpeg-grey-{quality}.tif", pillow(grey, "TIFF", compression="jpeg", quality=quality), None
    yield "ycbcr.tif", pillow(picture.convert("YCbCr"), "TIFF"), numpy.array(picture.convert("YCbCr").convert("RGB"))
    yield "zstd.tif", tif(SCENE, compression="zstd", photometric="rgb"), REFUSED
    yield "webp.tif", tif(SCENE, compression="webp", photometric="rgb"), REFUSED
    yield "lerc.tif", tif(SCENE, compression="lerc", photometric="rgb"), REFUSED
    yield "jpeg2000.tif", tif(SCENE, compression="jpeg2000", photometric="rgb"), REFUSED


# ---------------------------------------------------------------- WebP, BMP, GIF, HEIC


def webp_variants():
    picture = Image.fromarray(SCENE)
    clear = Image.fromarray(numpy.dstack([SCENE, FADE]))
    yield "lossless.webp", pillow(picture, "WEBP", lossless=True), SCENE
    yield "lossless-alpha.webp", pillow(clear, "WEBP", lossless=True, exact=True), on_white(SCENE, FADE)
    yield "lossless-icc.webp", pillow(picture, "WEBP", lossless=True, icc_profile=ADOBE_ICC), AS_ADOBE
    for quality in (30, 80, 100):
        yield f"lossy-{quality}.webp", pillow(picture, "WEBP", quality=quality), None
        yield f"lossy-alpha-{quality}.webp", pillow(clear, "WEBP", quality=quality), None
    for orientation in (1, 3, 6, 8):
        options = dict(lossless=True)
        yield f"turn-exif-{orientation}.webp", pillow(picture, "WEBP", exif=exif(orientation), **options), upright(SCENE, orientation)
        yield f"turn-exif-prefix-{orientation}.webp", pillow(picture, "WEBP", exif=b"Exif\0\0" + exif(orientation), **options), upright(SCENE, orientation)
        yield f"turn-xmp-{orientation}.webp", pillow(picture, "WEBP", xmp=xmp(orientation), **options), upright(SCENE, orientation)
    yield "adobe-exif.webp", pillow(picture, "WEBP", lossless=True, exif=exif(1, "<", 65535, b"R03\0")), AS_ADOBE
    yield "animated.webp", pillow(picture, "WEBP", save_all=True, append_images=[clear.convert("RGB").rotate(180)], lossless=True), REFUSED


def bmp_variants():
    picture, grey = Image.fromarray(SCENE), Image.fromarray(GREY)
    black = grey.point(lambda v: 255 * (v > 127)).convert("1")
    palette = picture.quantize(64)
    yield "rgb.bmp", pillow(picture, "BMP"), SCENE
    yield "grey.bmp", pillow(grey, "BMP"), three(GREY)
    yield "bits1.bmp", pillow(black, "BMP"), three(numpy.array(black.convert("L")))
    yield "palette.bmp", pillow(palette, "BMP"), numpy.array(palette.convert("RGB"))

    def bmp(size, height, bits, rows, masks=b"", compression=0):
        offset = 14 + size + len(masks)
        head = struct.pack("<2sIHHI", b"BM", offset + len(rows), 0, 0, offset)
        info = struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, bits, compression, len(rows), 2835, 2835, 0, 0)
        return head + info + masks + rows

    blue_first = SCENE[..., ::-1].tobytes()
    yield "top-down.bmp", bmp(40, -HEIGHT, 24, blue_first), SCENE
    padded = numpy.dstack([SCENE[..., ::-1], numpy.zeros_like(GREY)])[::-1].tobytes()
    yield "rgbx32.bmp", bmp(40, HEIGHT, 32, padded), SCENE
    five = (SCENE >> 3).astype("<u2")
    packed = (five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2])[::-1].astype("<u2").tobytes()
    yield "rgb555.bmp", bmp(40, HEIGHT, 16, packed), levels(five / 31)
    wide = SCENE.astype("<u2")
    packed = ((wide[..., 0] >> 3) << 11 | (wide[..., 1] >> 2) << 5 | wide[..., 2] >> 3)[::-1].astype("<u2").tobytes()
    shown = numpy.dstack([levels((SCENE[..., 0] >> 3) / 31), levels((SCENE[..., 1] >> 2) / 63), levels((SCENE[..., 2] >> 3) / 31)])
    yield "rgb565.bmp", bmp(40, HEIGHT, 16, packed, struct.pack("<III", 0xF800, 0x7E0, 0x1F), 3), shown


def gif_variants():
    picture = Image.fromarray(SCENE)
    for colours in (2, 16, 256):
        palette = picture.quantize(colours)
        for interlace in (0, 1):
            yield f"gif-{colours}-{interlace}.gif", pillow(palette, "GIF", interlace=interlace), numpy.array(palette.convert("RGB"))
    palette = picture.quantize(16)
    clear = numpy.array(palette) == 3
    yield "gif-clear.gif", pillow(palette, "GIF", transparency=3), numpy.where(clear[..., None], 255, numpy.array(palette.convert("RGB"))).astype(numpy.uint8)
    yield "gif-animated.gif", pillow(palette, "GIF", save_all=True, append_images=[palette.rotate(180), palette.rotate(90)]), numpy.array(palette.convert("RGB"))


def heic_variants():
    import pillow_heif

    pillow_heif.register_heif_opener()
    picture = Image.fromarray(numpy.kron(SCENE, numpy.ones((2, 2, 1), numpy.uint8)))
    for quality in (50, 90, -1):
        for chroma in ("420", "422", "444"):
            yield f"heic-{quality}-{chroma}.heic", pillow(picture, "HEIF", quality=quality, chroma=chroma), None
    alpha = Image.fromarray(numpy.dstack([numpy.array(picture), numpy.kron(FADE, numpy.ones((2, 2), numpy.uint8))]))
    yield "heic-alpha.heic", pillow(alpha, "HEIF", quality=95, chroma="444"), None
    yield "heic-icc.heic", pillow(picture, "HEIF", quality=95, chroma="444", icc_profile=P3_ICC), None
    yield "heic-odd.heic", pillow(picture.crop((0, 0, 131, 97)), "HEIF", quality=95, chroma="444"), None
    room = Image.open(ROOM).convert("RGB").resize((600, 400), Image.Resampling.LANCZOS)
    for chroma in ("420", "422"):
        yield f"heic-odd-{chroma}.heic", pillow(picture.crop((0, 0, 131, 97)), "HEIF", quality=95, chroma=chroma), None
        yield f"heic-room-{chroma}.heic", pillow(room, "HEIF", quality=80, chroma=chroma), None
    yield "heic-grid-420.heic", heic_grid.grid(room, 128, quality=80, chroma="420"), None
    for orientation in range(2, 9):
        yield f"heic-turn-{orientation}.heic", pillow(picture, "HEIF", quality=95, chroma="444", exif=exif(orientation)), None
    grey = picture.convert("L")
    yield "heic-grey.heic", pillow(grey, "HEIF", quality=95), None
    deep = pillow_heif.from_bytes(
        mode="RGB;16", size=(WIDTH, HEIGHT), data=(SCENE.astype("<u2") * 257).tobytes()
    )
    pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    stream = io.BytesIO()
    deep.save(stream, quality=-1, chroma="444")
    yield "heic-10bit.heic", stream.getvalue(), None


def variants() -> dict:
    """Name to (bytes, what is shown): an array, REFUSED, or None where only other readers know."""
    found = {}
    for group in (png_variants, tiff_variants, webp_variants, bmp_variants, gif_variants, heic_variants):
        for name, data, shown in group():
            found[f"{group.__name__.split('_')[0]}/{name}"] = (data, shown)
    # Damage: cut inside the picture data.
    for name in list(found):
        data, _ = found[name]
        stem = name.rsplit("/", 1)[1].rsplit(".", 1)[0]
        if stem in ("rgb8", "rgb8-interlaced", "palette8", "u8-le", "u16-lzw", "u32-tiles", "f32-predictor", "lossless", "lossy-80", "rgb", "palette", "gif-256-0", "gif-256-1", "heic-90-420", "jpeg-75"):
            for share in (0.3, 0.6, 0.9):
                cut = name.replace(stem, f"cut-{int(share * 100)}-{stem}")
                found[cut] = (data[: int(len(data) * share)], REFUSED)
    return found


_known = None


def expected(name: str):
    """What a right reader shows of the variant of this name (folder and file)."""
    global _known
    if _known is None:
        _known = variants()
    return _known.get(name, (b"", None))[1]


def main() -> None:
    folder = Path(sys.argv[1])
    count = 0
    for name, (data, _) in variants().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        count += 1
    print(f"{count} variants")


if __name__ == "__main__":
    main()
