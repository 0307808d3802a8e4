"""What the tests of the server's page share: the page's server on a thread, and plain requests to it."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass, field

from server_samples import Service

from svfr_view.server_page.http_server import StatusServer


@dataclass
class ShownServer:
    """A page that is served; ``failed``, ``running`` and ``waiting`` are the service's jobs."""

    service: Service
    server: StatusServer
    failed: str
    running: str
    waiting: str
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> ShownServer:
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"{self.server.cookie}={self.server.token}"}

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send one request and return the answer and its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body
