# Says how far the worker is, in one line.
import base64
import json
import pathlib
import time


def say(**told):
    print("@@REMEDIA@@" + json.dumps(told), flush=True)


def is_alive(pid):
    try:
        # The state stands behind the name, which is in brackets.
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state not in ("Z", "X")


def heard(log):
    # What was not told before, a piece at a time.
    if "log_from" not in ASK or not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(ASK["log_from"])
        return base64.b64encode(file.read(ASK["log_bytes"])).decode()


def status():
    folder = pathlib.Path(ASK["root"]) / "remedia"
    if not (folder / "pid").exists():
        return say(state="absent")
    log = folder / "log"
    lines = log.read_bytes()[-65536:].decode("utf-8", "replace").splitlines() if log.exists() else []
    done, total, words = 0, 0, []
    for line in lines:
        try:
            told = json.loads(line)["remedia"]
        except (ValueError, KeyError, TypeError):
            words.append(line.strip()[:160])
            continue
        if "done" in told and "photos" in told:
            done, total = told["done"], told["photos"]
    ended = (folder / "exit").exists()
    state = "ended" if ended else "running" if is_alive((folder / "pid").read_text()) else "lost"
    return say(
        state=state,
        code=int((folder / "exit").read_text()) if ended else None,
        silent=time.time() - (log.stat().st_mtime if log.exists() else (folder / "pid").stat().st_mtime),
        done=done,
        total=total,
        results=(folder / "results" / "results.json").is_file(),
        words=[word for word in words if word][-8:],
        log=heard(log),
    )


status()
