"""What other readers show of a picture that is not a JPEG: `readers(path)`.

The variants of `make_other.py` carry their own answer, computed from the samples and the formats' formulas; beside it
stand Pillow, tifffile and libvips, each only where it is known to follow the format (none of them knows PNG's cICP,
EXIF in text chunks, or colour that only EXIF tells).
"""

import io
from pathlib import Path

import numpy
from PIL import Image, ImageCms, ImageOps

import make_other

try:
    import pillow_heif

    pillow_heif.register_heif_opener()
except ImportError:
    pillow_heif = None
try:
    import av
except ImportError:
    av = None
try:
    import tifffile
except ImportError:
    tifffile = None
try:
    import pyvips
except (ImportError, OSError):
    pyvips = None

SRGB = ImageCms.createProfile("sRGB")


def readers(path) -> list[tuple[str, numpy.ndarray]]:
    """Names of readers and the picture as each shows it: height x width x 3, 8 bits, upright, sRGB, on white."""
    path = Path(path)
    found = []
    known = make_other.expected("/".join(path.parts[-2:]))
    if isinstance(known, numpy.ndarray):
        found.append(("formula", known))
    for name, read in (("Pillow", by_pillow), ("tifffile", by_tifffile), ("libvips", by_vips), ("FFmpeg", by_ffmpeg)):
        try:
            shown = read(path)
        except Exception:  # A reader that cannot is no witness.
            shown = None
        if shown is not None:
            found.append((name, shown))
    return found


def must_be_refused(path) -> bool:
    """Whether the variant is one that no reader may show."""
    return isinstance(make_other.expected("/".join(Path(path).parts[-2:])), str)


def by_pillow(path):
    stem = path.name
    # Marks that Pillow passes over.
    if path.suffix == ".png" and (stem.startswith(("colour", "turn-")) or "16" in stem):
        return None
    # Pillow takes every second plane of 16 bits for another, and a transparent grey of few bits for one of eight.
    if stem.endswith("planes.tif") or stem.startswith(("grey1-trns", "grey2-trns", "grey4-trns")):
        return None
    if stem.startswith(("adobe-exif", "turn-xmp")):
        return None
    picture = Image.open(path)
    if picture.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "LAB", "YCbCr"):
        return None
    if path.suffix == ".tif" and (stem.startswith(("pages", "extra", "stack", "five", "alpha")) or "white" in stem):
        return None
    profile = picture.info.get("icc_profile")
    picture.load()
    if path.suffix not in (".heic", ".tif"):
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == "LAB":
        picture = ImageCms.profileToProfile(picture, ImageCms.createProfile("LAB"), SRGB, outputMode="RGB")
    if picture.mode in ("LA", "P", "PA", "RGBA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    picture = picture.convert("RGB")
    if profile:
        picture = ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB)
    shown = numpy.array(picture)
    step = subsampled(path)
    if step is None:
        return shown
    # libheif repeats each sample of colour; where the samples lie there is nothing to choose.
    elsewhere = numpy.ones(shown.shape, bool)
    elsewhere[:: step[1], :: step[0]] = False
    return numpy.ma.masked_array(shown, elsewhere)


def subsampled(path) -> tuple[int, int] | None:
    """Columns and rows of an HEIC variant that share a sample of colour, by its name."""
    if path.suffix != ".heic":
        return None
    return {"420": (2, 2), "422": (2, 1)}.get(path.stem.rsplit("-", 1)[-1])


def whole(plane: numpy.ndarray, length: int, axis: int) -> numpy.ndarray:
    """A plane of half the length made whole: samples lie at even places, and the mean of two between them."""
    last = plane.shape[axis] - 1
    place = numpy.arange(length)
    before = numpy.minimum(place // 2, last)
    after = numpy.minimum((place + 1) // 2, last)
    return (plane.take(before, axis) + plane.take(after, axis)) / 2


def by_ffmpeg(path):
    """From the planes that FFmpeg decodes: BT.601, all 256 levels, as libheif writes them."""
    step = subsampled(path)
    if av is None or step is None:
        return None
    size = Image.open(path).size
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0))
    if frame.format.name not in ("yuvj420p", "yuv420p", "yuvj422p", "yuv422p") or frame.color_range != 2 or frame.colorspace not in (5, 6):
        return None
    # A grid comes tile by tile.
    if frame.width < size[0] or frame.height < size[1]:
        return None
    planes = []
    for plane in frame.planes:
        rows = numpy.frombuffer(bytes(plane), numpy.uint8).reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width].astype(float))
    luma, blue, red = planes
    height, width = luma.shape
    for axis, length, shared in ((1, width, step[0]), (0, height, step[1])):
        if shared == 2:
            blue, red = whole(blue, length, axis), whole(red, length, axis)
    blue, red = blue - 128, red - 128
    green = luma - (0.299 * 1.402 * red + 0.114 * 1.772 * blue) / 0.587
    shown = numpy.stack([luma + 1.402 * red, green, luma + 1.772 * blue], -1)
    return numpy.clip(numpy.floor(shown + 0.5), 0, 255).astype(numpy.uint8)[: size[1], : size[0]]


def by_tifffile(path):
    if tifffile is None or path.suffix != ".tif" or path.name.startswith(("turn", "pages", "alpha", "extra")):
        return None
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        if page.photometric not in (0, 1, 2) or 34675 in page.tags or page.extrasamples:
            return None
        samples = page.asarray()
        if page.planarconfig == 2 and samples.ndim == 3:
            samples = numpy.moveaxis(samples, 0, 2)
        if samples.dtype.kind == "f":
            shown = make_other.levels(make_other.encoded(samples))
        elif samples.dtype.kind == "u":
            shown = make_other.levels(samples / float(numpy.iinfo(samples.dtype).max))
        elif samples.dtype.kind == "b":
            shown = samples.astype(numpy.uint8) * 255
        else:
            return None
        if page.photometric == 0 and samples.dtype.kind != "b":
            shown = 255 - shown
        return make_other.three(shown) if shown.ndim == 2 else shown


def by_vips(path):
    if pyvips is None or path.suffix == ".heic":
        return None
    if path.suffix == ".png" and path.name.startswith(("colour", "turn-")):
        return None
    if path.name.startswith(("ycbcr", "adobe-exif", "turn", "pages", "extra", "stack", "five", "alpha")):
        return None
    picture = pyvips.Image.new_from_file(str(path))
    if picture.format not in ("uchar", "ushort") or picture.interpretation in ("cmyk", "lab", "labs", "multiband"):
        return None
    if picture.get_typeof("icc-profile-data"):
        picture = picture.icc_transform("srgb")
    if picture.interpretation in ("grey16", "rgb16"):
        picture = picture.colourspace("srgb") if picture.bands > 2 else picture.colourspace("b-w")
    if picture.hasalpha():
        picture = picture.flatten(background=255)
    array = picture.cast("uchar").numpy()
    if array.ndim == 2 or array.shape[2] == 1:
        array = make_other.three(array.reshape(array.shape[:2]))
    return array[..., :3]
