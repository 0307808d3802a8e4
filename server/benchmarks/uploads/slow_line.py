"""A line between client and server that is slow and breaks: bytes go through, so many a second, and later."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Queue

CHUNK_BYTES = 16 * 1024


class SlowLine:
    """Listens on a port of its own and passes on to ``target_port``, each way ``bytes_per_s``.

    ``delay_s``: how much later everything arrives, each way. ``cuts``: once so many bytes in all have gone to
    the server, every connection is cut; the next one works.
    """

    def __init__(
        self, target_port: int, bytes_per_s: float, cuts: tuple[int, ...] = (), delay_s: float = 0.0
    ) -> None:
        self.to_server_bytes = 0
        self.to_client_bytes = 0
        self.cuts_made = 0
        self._target_port = target_port
        self._bytes_per_s = bytes_per_s
        self._cuts = list(cuts)
        self._delay_s = delay_s
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more and cut what is open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target_port))
                # A short queue, so that the other side feels the slow line as it would a real one.
                near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * CHUNK_BYTES)
                for end in (near, far):  # what is short must not wait for what follows it
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open += [near, far]
                for source, target, is_up in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass_on, args=(source, target, is_up), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_up: bool) -> None:
        arriving: Queue[tuple[float, bytes]] = Queue()
        threading.Thread(target=self._deliver, args=(arriving, source, target, is_up), daemon=True).start()
        data = b"."
        while data:
            try:
                data = source.recv(CHUNK_BYTES)
            except OSError:
                data = b""
            time.sleep(len(data) / self._bytes_per_s)
            arriving.put((time.monotonic() + self._delay_s, data))

    def _deliver(
        self,
        arriving: "Queue[tuple[float, bytes]]",
        source: socket.socket,
        target: socket.socket,
        is_up: bool,
    ) -> None:
        """Hand on what arrives when its time has come, to the empty bytes that end it."""
        with suppress(OSError):
            while True:
                due, data = arriving.get()
                if not data:
                    break
                time.sleep(max(0.0, due - time.monotonic()))
                target.sendall(data)
                if not is_up:
                    self.to_client_bytes += len(data)
                elif self._count(len(data)):
                    self._cut()
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, size_bytes: int) -> bool:
        with self._lock:
            self.to_server_bytes += size_bytes
            if not self._cuts or self.to_server_bytes < self._cuts[0]:
                return False
            self._cuts.pop(0)
            self.cuts_made += 1
            return True

    def _cut(self) -> None:
        with self._lock:
            ends, self._open = self._open, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def slow_line(
    target_port: int, bytes_per_s: float, cuts: tuple[int, ...] = (), delay_s: float = 0.0
) -> Iterator[SlowLine]:
    """A line for as long as the block lasts."""
    line = SlowLine(target_port, bytes_per_s, cuts, delay_s)
    try:
        yield line
    finally:
        line.close()
