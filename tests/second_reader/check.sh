#!/bin/sh
# Do other readers show what remedia shows? Makes some five hundred variants of pictures, decodes them with
# `examples/decode_corpus` and compares with Pillow, djpeg, libvips, FFmpeg and Chromium (compare.py says who is asked for
# what).
#
#   tests/second_reader/check.sh [DECODE_CORPUS_BINARY]
#
# Without a binary the example is built by cargo. SECOND_READER_VENV names a folder to keep the virtual environment
# in, so that the next run does not install again. The odd pictures in the source packages of Pillow, pillow-heif and
# piexif are decoded as well, where they can be fetched: none may hang, panic or take the process down. The exit code
# is 3 where no package can be installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

corpus=${1-}
if [ -z "$corpus" ]; then
    (cd "$root" && cargo build --quiet --locked --example decode_corpus)
    corpus=${CARGO_TARGET_DIR:-$root/target}/debug/examples/decode_corpus
fi
if [ ! -x "$corpus" ]; then
    echo "check.sh: $corpus is not a program" >&2
    exit 2
fi

# cjpeg and djpeg; without them their variants and answers are missing, which is said.
if ! command -v djpeg >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq libjpeg-turbo-progs >/dev/null 2>&1 || true
fi
command -v djpeg >/dev/null 2>&1 || echo "check.sh: no djpeg here; its variants and answers are missing"

venv=${SECOND_READER_VENV:-$work/venv}
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import PIL, numpy' 2>/dev/null; then
    python3 -m venv "$venv"
    pip="$venv/bin/pip --quiet --disable-pip-version-check"
    $pip install pillow numpy tifffile imagecodecs || exit 3
    # More readers, each welcome and none needed.
    $pip install 'pyvips[binary]' 2>/dev/null || echo "check.sh: no libvips here"
    $pip install pillow-heif 2>/dev/null || true
    $pip install av 2>/dev/null || echo "check.sh: no FFmpeg here"
    $pip install --upgrade setuptools pybind11 2>/dev/null || true
fi
python=$venv/bin/python

pictures=$work/pictures
answers=$work/answers
for maker in make_jpeg.py make_other.py; do
    if [ -f "$here/$maker" ]; then
        "$python" "$here/$maker" "$pictures"
    fi
done
"$corpus" "$pictures" --write "$answers" --quiet
status=0
"$python" "$here/compare.py" "$pictures" "$answers" || status=$?

# Other projects' odd pictures. Their packages are only unpacked, never built.
packages=${SECOND_READER_PACKAGES:-$venv/source-packages}
mkdir -p "$packages"
for package in pillow pillow-heif piexif; do
    # Some package names have an underscore in the file's name.
    if ! ls "$packages" | grep -qi "^$(echo "$package" | sed 's/-/./')-[0-9]"; then
        timeout 60 "$venv/bin/pip" --quiet --disable-pip-version-check download --no-deps --no-binary :all: \
            --no-build-isolation --dest "$packages" "$package" >/dev/null 2>&1 ||
            echo "check.sh: the source package of $package cannot be fetched here"
    fi
done
"$python" "$here/unpack.py" "$packages" "$work/odd"
if "$corpus" "$work/odd" --quiet --seconds 60 --write "$work/odd-answers"; then
    "$python" "$here/compare.py" --odd "$work/odd" "$work/odd-answers" || status=$?
else
    status=1
fi
exit "$status"
