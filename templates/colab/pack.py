# Packs what the worker made and cuts it into parts that one request can carry.
import hashlib
import json
import pathlib
import shutil


def say(**told):
    print("@@REMEDIA@@" + json.dumps(told), flush=True)


def pack():
    root = pathlib.Path(ASK["root"])
    archive = pathlib.Path(shutil.make_archive(str(root / "remedia-results"), "zip", root / "remedia" / "results"))
    parts = []
    with archive.open("rb") as whole:
        while bytes := whole.read(ASK["part_bytes"]):
            name = f"remedia-results-{len(parts):03}"
            (root / name).write_bytes(bytes)
            parts.append({"name": name, "bytes": len(bytes), "sha256": hashlib.sha256(bytes).hexdigest()})
    return say(state="packed", parts=parts)


pack()
