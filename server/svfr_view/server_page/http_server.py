"""The page and its JSON for browsers of this machine: one token, GET only, few connections, none for long.

The token comes in the address that the command prints and is changed at once for a cookie that no script
sees, so that it stays in no history of pages and goes to no other site. Answers carry a policy under which
nothing runs or loads but the page's own files. A request whose Host is not this server's own address is
refused: a name of a foreign site that leads here (DNS rebinding) gets nothing.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit

from svfr_client.reasons import reason_of
from svfr_view.errors import PortIsTaken
from svfr_view.server_page.watcher import Watcher

LOOPBACK = "127.0.0.1"
MOST_CONNECTIONS = 16
CONNECTION_SECONDS = 20.0
"""No connection lasts longer, whatever it sends: an answer takes milliseconds."""
_SILENT_SECONDS = 5.0
_FILES = {
    "/": ("server.html", "text/html; charset=utf-8"),
    "/server.css": ("server.css", "text/css; charset=utf-8"),
    "/server.js": ("server.js", "text/javascript; charset=utf-8"),
}
_THUMBNAIL = re.compile(r"/thumbnail/([0-9a-f]{32})\Z")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_WRONG_TOKEN = "Open the address that `svfr status --web` printed: it holds the token of this server.\n"
_log = logging.getLogger(__name__)


class StatusServer(ThreadingMixIn, HTTPServer):
    """Serves what a watcher sees, on the loopback address only; :attr:`address` is what to open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, watcher: Watcher, port: int = 0) -> None:
        """Listen; raises OSError when the port is taken."""
        self.watcher = watcher
        self.token = secrets.token_urlsafe(32)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def port(self) -> int:
        """The port that is listened at."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """The page's address with its token."""
        return f"http://{LOOPBACK}:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers do not part cookies by port."""
        return f"svfr-status-{self.port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer on a thread of its own, or hang up where too many are being answered."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and cut the connection when it has lasted too long."""
        cut = threading.Timer(CONNECTION_SECONDS, _cut, [request])
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            cut.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note what went wrong with one connection; the others go on."""
        _log.info("a connection of %s failed", client_address, exc_info=True)


@contextmanager
def listening(watcher: Watcher, port: int = 0) -> Iterator[StatusServer]:
    """Watch and listen while the block runs. Raises PortIsTaken."""
    try:
        server = StatusServer(watcher, port)
    except OSError as error:
        raise PortIsTaken(
            f"The page cannot be shown at port {port}: {reason_of(error)}.",
            remedy="Name another port, or leave --port out: then a free one is taken.",
        ) from error
    watcher.start()
    try:
        yield server
    finally:
        server.server_close()
        watcher.stop()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it has just been closed
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection with one request."""

    server: StatusServer
    timeout = _SILENT_SECONDS
    server_version, sys_version = "svfr", ""

    def do_GET(self) -> None:
        """Answer with a file, the newest answer of the server, or a thumbnail."""
        url, port = urlsplit(self.path), self.server.port
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            self._send(403, b"This server answers to its own address only.\n")
            return
        given = parse_qs(url.query).get("token", [""])[0]
        if url.path == "/" and given:
            self._let_in(given)
        elif not self._is_known():
            self._send(403, _WRONG_TOKEN.encode())
        elif url.path in _FILES:
            name, kind = _FILES[url.path]
            self._send(200, (resources.files("svfr_view") / "data" / name).read_bytes(), kind)
        elif url.path == "/status.json":
            body = json.dumps(self.server.watcher.latest(), allow_nan=False).encode()
            self._send(200, body, "application/json")
        elif (job := _THUMBNAIL.match(url.path)) is not None:
            picture = self.server.watcher.thumbnails.of(job[1])
            if picture is None:
                self._send(404, b"There is no picture of this job.\n")
            else:
                self._send(200, picture.jpeg, "image/jpeg")
        else:
            self._send(404, b"There is nothing here.\n")

    def do_HEAD(self) -> None:
        """Answer as GET does, without the body."""
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet; nothing that a request says is printed."""

    def _let_in(self, given: str) -> None:
        """Change the right token for the cookie, and its address for one without it."""
        if not self._matches(given):
            self._send(403, _WRONG_TOKEN.encode())
            return
        cookie = f"{self.server.cookie}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(303, b"", more={"Location": "/", "Set-Cookie": cookie})

    def _is_known(self) -> bool:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return False
        found = cookies.get(self.server.cookie)
        return found is not None and self._matches(found.value)

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.server.token.encode())

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str = "text/plain; charset=utf-8",
        more: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **_HEADERS, **(more or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
