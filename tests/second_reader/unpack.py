"""Takes the pictures out of source packages: `unpack.py PACKAGES FOLDER`."""

import sys
import tarfile
import zipfile
from pathlib import Path

PICTURES = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".tif", ".tiff", ".webp", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".avif"}


def entries(package: Path):
    """Names and readers of the files of an archive."""
    if package.suffix == ".zip":
        with zipfile.ZipFile(package) as archive:
            for name in archive.namelist():
                yield name, lambda name=name: archive.read(name)
    else:
        with tarfile.open(package) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name, lambda member=member: archive.extractfile(member).read()


def main() -> None:
    packages, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for package in sorted(packages.iterdir()):
        if not package.name.endswith((".zip", ".tar.gz")):
            continue
        kind = package.name.split("-")[0].lower()
        for name, read in entries(package):
            if Path(name).suffix.lower() not in PICTURES:
                continue
            # A flat name of our own, so that no archive decides where a file lies.
            target = folder / kind / f"{count:04}-{Path(name).name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(read())
            count += 1
    print(f"unpack.py: {count} pictures")


if __name__ == "__main__":
    main()
