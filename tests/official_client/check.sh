#!/bin/sh
# Checks the fake Kaggle with the official client: installs `kaggle` into a virtual environment, starts the
# fake and lets the unmodified client use it.
#
#   tests/official_client/check.sh [FAKE_BINARY]
#
# Without a binary the example is built and run by cargo. OFFICIAL_CLIENT_VENV names a folder to keep the
# virtual environment in, so that the next run does not install again. OFFICIAL_CLIENT is the requirement
# that is installed, `kaggle` by default. The exit code is 3 where it cannot be installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fake=${1-}
if [ -z "$fake" ]; then
    (cd "$root" && cargo build --quiet --example fake_kaggle)
    fake=${CARGO_TARGET_DIR:-$root/target}/debug/examples/fake_kaggle
fi
if [ ! -x "$fake" ]; then
    echo "check.sh: $fake is not a program" >&2
    exit 2
fi

venv=${OFFICIAL_CLIENT_VENV:-$work/venv}
if [ ! -x "$venv/bin/kaggle" ]; then
    python3 -m venv "$venv"
    # kaggle/models/upload_file.py imports six, which the package does not ask for.
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${OFFICIAL_CLIENT:-kaggle}" six || exit 3
fi

exec_status=0
"$venv/bin/python" "$here/check.py" "$fake" "$venv/bin/kaggle" "$work" || exec_status=$?
exit "$exec_status"
