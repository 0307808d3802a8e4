"""A tunnel as ``ssh -L`` makes one: it takes connections also while nobody is behind it, and hangs up."""

import contextlib
import socket
import threading
from types import TracebackType


class Tunnel:
    """Passes on what comes to ``endpoint``; between :meth:`shut` and the next opening it hangs up on all."""

    def __init__(self, endpoint: str) -> None:
        self._target = ("127.0.0.1", int(endpoint.rpartition(":")[2]))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self._hang_ups_left = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def shut(self, hang_ups: int) -> None:
        """Break what passes now, and hang up on the next so many connections."""
        self._hang_ups_left = hang_ups
        self._break()

    def __enter__(self) -> "Tunnel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()
        self._break()

    def _break(self) -> None:
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                near, _ = self._listening.accept()
                if self._hang_ups_left > 0:
                    self._hang_ups_left -= 1
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
