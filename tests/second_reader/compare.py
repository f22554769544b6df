"""Do other readers show what remedia shows? `compare.py [--odd] PICTURES ANSWERS`.

PICTURES is a folder of files, ANSWERS what `examples/decode_corpus --write` made of it. Every picture must be within
two levels of each reader that reads it, and at least one must; every refusal must stand in `refused.txt` (a pattern
for names, a tab, a part of the reason). Ends with 1 where one does not.

Readers of JPEG are Pillow, djpeg, libvips and Chromium. Who is not asked for what, and why:

* Pillow applies profiles by LittleCMS; a broken or foreign profile is ignored, as remedia and browsers do.
* djpeg knows neither orientation nor profiles: turned here, and not asked where there is a profile.
* libvips is asked for RGB and grey without a profile; inks go through a profile of its own there.
* Chromium turns inks to RGB by a profile of its own, and its canvas rounds profiles differently; it scales chroma
  that is stored at odd ratios in its own way. It is asked for the rest.
* Chromium draws nothing of the last rows of a file that has no end marker, as if more was still to come.
* HEIC with colour at half the resolution: Pillow (libheif) repeats each sample of colour, remedia goes straight from one
  to the next as Apple does. Pillow is asked at the places of the samples, even rows and columns, where both must agree;
  FFmpeg's planes, made whole by the formula, are compared everywhere.
* None is asked about damage: readers show grey where remedia must refuse.

With `--odd` the pictures are other projects' odd ones: what remedia decodes of their JPEGs is compared with Pillow and
djpeg, and what it refuses must be what djpeg complains of. Their other kinds are decoded, and only counted.
"""

import base64
import fnmatch
import html
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy
from PIL import Image, ImageCms, ImageFile, ImageOps

try:
    import pyvips
except (ImportError, OSError):
    pyvips = None
try:
    import readers_other
except ImportError:
    readers_other = None

HERE = Path(__file__).resolve().parent
LEVELS = 2
# What no reader here shows in a way that can be compared.
ALONE = ("tiff/lab.tif",)
# A profile made of tables, between whose points LittleCMS and moxcms go in different ways.
ODD_LEVELS = {"*icc_profile_big.jpg": 6}
AT_ONCE = 100
ImageFile.LOAD_TRUNCATED_IMAGES = True
Image.MAX_IMAGE_PIXELS = None
DJPEG = shutil.which("djpeg")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SRGB = ImageCms.createProfile("sRGB")
NOT_FOR_CHROMIUM = ("damage", "inks", "profile", "tall-", "wide-", "uneven-", "large-", "crossed", "-missing", "-for-it")


def by_pillow(path: Path) -> numpy.ndarray | None:
    try:
        picture = Image.open(path)
        data = picture.info.get("icc_profile")
        picture.load()
    except (OSError, SyntaxError, ValueError):
        return None
    picture = ImageOps.exif_transpose(picture)
    if data and picture.mode in ("RGB", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(data))
            picture = ImageCms.profileToProfile(picture, source, SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            pass
    elif data:
        return None
    return numpy.asarray(picture.convert("RGB"))


def orientation(path: Path) -> int:
    try:
        return Image.open(path).getexif().get(0x0112, 1)
    except (OSError, SyntaxError, ValueError):
        return 1


def has_profile(path: Path) -> bool:
    return b"ICC_PROFILE\0" in path.read_bytes()


def by_djpeg(path: Path) -> numpy.ndarray | None:
    if DJPEG is None or has_profile(path):
        return None
    done = subprocess.run([DJPEG, "-pnm", str(path)], capture_output=True, check=False)
    if done.returncode not in (0, 2) or not done.stdout:
        return None
    try:
        picture = Image.open(io.BytesIO(done.stdout)).convert("RGB")
    except (OSError, ValueError):
        return None
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    turn = turns.get(orientation(path))
    return numpy.asarray(picture if turn is None else picture.transpose(Image.Transpose(turn)))


def by_vips(path: Path) -> numpy.ndarray | None:
    if pyvips is None or has_profile(path):
        return None
    try:
        picture = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="none").autorot()
        if picture.interpretation not in ("srgb", "b-w"):
            return None
        picture = picture.colourspace("srgb")
        array = numpy.ndarray(buffer=picture.write_to_memory(), dtype=numpy.uint8, shape=[picture.height, picture.width, picture.bands])
    except pyvips.Error:
        return None
    return array[:, :, :3]


def by_chromium(paths: list[Path]) -> dict[Path, numpy.ndarray]:
    """The browser draws each file on a canvas and writes the pixels into the page, some files at a time."""
    if CHROMIUM is None:
        return {}
    shown = {}
    for start in range(0, len(paths), AT_ONCE):
        shown |= one_page(paths[start : start + AT_ONCE])
    return shown


def one_page(paths: list[Path]) -> dict[Path, numpy.ndarray]:
    images = "".join(f'<img src="data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}">' for path in paths)
    # Everything is drawn while the page's load event is handled, so nothing has to be waited for.
    script = """
    window.onload = () => {
      const out = [];
      for (const image of document.images) {
        const canvas = document.createElement('canvas');
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
        if (!canvas.width || !canvas.height) { out.push(''); continue; }
        const context = canvas.getContext('2d', {willReadFrequently: true});
        context.drawImage(image, 0, 0);
        const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
        let text = '';
        for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
        out.push(canvas.width + ' ' + canvas.height + ' ' + btoa(text));
      }
      document.body.textContent = out.join('\\n') + '\\nEND';
    };
    """
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f"<!doctype html><meta charset=utf-8><body>{images}<script>{script}</script>")
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
        command += [f"--user-data-dir={folder}/profile", "--dump-dom", page.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        except subprocess.TimeoutExpired:
            return {}
    text = html.unescape(re.sub(r"<[^>]*>", "", done.stdout.decode(errors="replace").split("<body>")[-1]))
    lines = text.strip().split("\n")
    if lines[-1] != "END":
        return {}
    shown = {}
    for path, line in zip(paths, lines, strict=False):
        if not line:
            continue
        width, height, data = line.split(" ")
        pixels = numpy.frombuffer(base64.b64decode(data), numpy.uint8).reshape(int(height), int(width), 4)
        shown[path] = pixels[:, :, :3]
    return shown


def is_jpeg(path: Path) -> bool:
    return path.read_bytes()[:3] == b"\xff\xd8\xff"


def rules() -> list[tuple[str, str]]:
    lines = (HERE / "refused.txt").read_text().splitlines()
    return [tuple(line.split("\t", 1)) for line in lines if line and not line.startswith("#")]


def distance(ours: numpy.ndarray, theirs: numpy.ndarray) -> int | None:
    """The largest difference in levels where the reader has a word; `None` for another size."""
    if ours.shape != theirs.shape:
        return None
    apart = numpy.abs(ours.astype(int) - theirs.astype(int))
    return int(numpy.ma.filled(apart, 0).max(initial=0))


def complains(path: Path) -> bool:
    if DJPEG is None:
        return True
    done = subprocess.run([DJPEG, "-pnm", "-outfile", "/dev/null", str(path)], capture_output=True, check=False)
    return done.returncode != 0 or bool(done.stderr)


def odd(pictures: Path, answers: Path) -> int:
    """Other projects' pictures."""
    passed, failed, others = 0, 0, [0, 0]
    for path in sorted(path for path in pictures.rglob("*") if path.is_file()):
        name = path.relative_to(pictures).as_posix()
        refused = (answers / f"{name}.refused").exists()
        if not is_jpeg(path):
            others[refused] += 1
            continue
        if refused:
            right, text = complains(path), "refused, and djpeg has nothing against it"
        else:
            ours = numpy.asarray(Image.open(answers / f"{name}.ppm").convert("RGB"))
            shown = [distance(ours, array) for array in (by_pillow(path), by_djpeg(path)) if array is not None]
            allowed = next((most for pattern, most in ODD_LEVELS.items() if fnmatch.fnmatch(name, pattern)), LEVELS)
            right, text = all(levels is not None and levels <= allowed for levels in shown), f"levels apart: {shown}"
        passed, failed = passed + right, failed + (not right)
        if not right:
            print(f"WRONG {name}: {text}")
    print(f"odd pictures of other kinds: {others[0]} decoded, {others[1]} refused")
    print(f"odd JPEGs: {passed} passed, {failed} failed")
    return 1 if failed else 0


def main() -> int:
    if sys.argv[1] == "--odd":
        return odd(Path(sys.argv[2]), Path(sys.argv[3]))
    pictures, answers = Path(sys.argv[1]), Path(sys.argv[2])
    files = sorted(path for path in pictures.rglob("*") if path.is_file())
    refusals = rules()
    used, alone = set(), []
    asked: dict[str, int] = defaultdict(int)
    table: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    chromium = by_chromium([path for path in files if is_jpeg(path) and path.stat().st_size < 50_000 and not any(word in path.relative_to(pictures).as_posix() for word in NOT_FOR_CHROMIUM)])
    for path in files:
        name = path.relative_to(pictures).as_posix()
        kind = name.split("/")[0] if "/" in name else path.suffix
        refused = answers / f"{name}.refused"
        if refused.exists():
            reason = refused.read_text()
            rule = next((rule for rule in refusals if fnmatch.fnmatch(name, rule[0]) and rule[1] in reason), None)
            if rule:
                used.add(rule)
                table[kind][1] += 1
            else:
                table[kind][2] += 1
                print(f"WRONG {name}: refused without being listed: {reason}")
            continue
        answer = answers / f"{name}.ppm"
        if not answer.exists():
            table[kind][2] += 1
            print(f"WRONG {name}: no answer")
            continue
        ours = numpy.asarray(Image.open(answer).convert("RGB"))
        if is_jpeg(path):
            readers = [("Pillow", by_pillow(path)), ("djpeg", by_djpeg(path)), ("libvips", by_vips(path)), ("Chromium", chromium.get(path))]
        elif readers_other:
            readers = readers_other.readers(path)
        else:
            readers = [("Pillow", by_pillow(path))]
        shown = [(reader, distance(ours, array)) for reader, array in readers if array is not None]
        for reader, _ in shown:
            asked[reader] += 1
        apart = [(reader, levels) for reader, levels in shown if levels is None or levels > LEVELS]
        if not shown and any(fnmatch.fnmatch(name, pattern) for pattern in ALONE):
            alone.append(name)
        elif shown and not apart:
            table[kind][0] += 1
        else:
            table[kind][2] += 1
            print(f"WRONG {name}: " + (", ".join(f"{reader} {'another size' if levels is None else f'{levels} levels'}" for reader, levels in apart) or "no reader shows it"))
    print(f"decoded, and nobody to compare with: {', '.join(alone) or 'none'}")
    width = max(map(len, table), default=4)
    print(f"{'kind':{width}}  right  refused  wrong")
    for kind, (right, refused_here, wrong) in sorted(table.items()):
        print(f"{kind:{width}}  {right:>5}  {refused_here:>7}  {wrong:>5}")
    print("readers: " + ", ".join(f"{reader} {count}" for reader, count in sorted(asked.items())))
    passed = sum(row[0] + row[1] for row in table.values())
    failed = sum(row[2] for row in table.values())
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
