"""A model hub on this machine, as far as the worker uses one: what a repository holds at a commit, and its files."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin")


@dataclass
class Hub:
    """Repositories by name, their commits by hash, and what was asked for. `cuts` names files whose first transfer ends
    in the middle.
    """

    repositories: dict[str, dict[str, dict[str, bytes]]]
    cuts: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    address: str = ""

    def transfers(self) -> list[tuple[str, str | None]]:
        """Files that were asked for with the range of bytes, where one was named."""
        return [(path, range_) for method, path, range_ in self.asked if method == "GET" and "/resolve/" in path]

    @contextmanager
    def served(self) -> Iterator[Hub]:
        """Answers on a free port until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append((self.command, path, self.headers.get("Range")))
            about = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/([^/]+)", path)
            one = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            repository = hub.repositories.get((about or one or [None, None])[1] or "")
            commit = about[3] if about else one[2] if one else ""
            if repository is None:
                self.refuse("RepoNotFound", "Repository not found")
            elif commit not in repository:
                self.refuse("RevisionNotFound", f"Invalid rev id: {commit}")
            elif about and about[2] == "revision":
                siblings = [{"rfilename": name} for name in repository[commit]]
                self.document({"id": about[1], "sha": commit, "siblings": siblings})
            elif about:
                self.document([_entry(name, content) for name, content in repository[commit].items()])
            elif one and one[3] in repository[commit]:
                self.file(one[3], commit, repository[commit][one[3]])
            else:
                self.refuse("EntryNotFound", "Entry not found")

        def refuse(self, code: str, text: str) -> None:
            self.send(404, b"", {"X-Error-Code": code, "X-Error-Message": text})

        def document(self, value: object) -> None:
            self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def file(self, name: str, commit: str, content: bytes) -> None:
            headers = {"X-Repo-Commit": commit, "ETag": f'"{_etag(name, content)}"', "Accept-Ranges": "bytes"}
            if name.endswith(LARGE):
                headers.update({"X-Linked-Etag": f'"{_etag(name, content)}"', "X-Linked-Size": str(len(content))})
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if asked is None:
                self.send(200, content, headers, cut=name in hub.cuts and self.command == "GET")
                if self.command == "GET":
                    hub.cuts.discard(name)
                return
            first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            self.send(206, content[first : last + 1], headers)

        def send(self, status: int, content: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content[: len(content) // 2] if cut else content)
            if cut:
                self.close_connection = True

    return Handler


def _etag(name: str, content: bytes) -> str:
    """As the hub names a file's bytes: large files by their SHA-256, others as Git does."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(name: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": _etag(name, content)[:40]}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": _etag(name, content), "size": len(content), "pointerSize": 134}
    return entry
