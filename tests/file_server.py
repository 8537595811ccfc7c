"""A server of files on this machine that breaks off, has other files, or none."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any, ClassVar


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `faults` makes the next answers wrong: cut, 404, 500, whole (no ranges), more."""

    files: ClassVar[dict[str, bytes]] = {}
    faults: ClassVar[list[str]] = []
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        span = self.headers.get("Range", "")
        self.asked.append((self.path, span))
        fault = self.faults.pop(0) if self.faults else ""
        body = self.files.get(self.path)
        if body is None or fault in ("404", "500"):
            self.send_error(500 if fault == "500" else 404)
            return
        start = int(span.removeprefix("bytes=").rstrip("-") or 0) if fault != "whole" else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        rest = body[start:]
        self.wfile.write(rest[: len(rest) // 2] if fault == "cut" else rest)

    def do_HEAD(self) -> None:
        body = self.files.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep the test's output clean."""


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of a server without files and faults."""
    Server.files, Server.faults, Server.asked = {}, [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()
