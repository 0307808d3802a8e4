"""A service that answers as a test says: for what a client must bear."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from svfr_client.connection import Connection, KeyPair
from svfr_client.link import process_context
from svfr_client.protocol.wire import Message, pack, unpack

JOB = "5d2c7a9e0b1f4e6a8c3d2b1a09f8e7d6"
WELCOME = {
    "minor": 0, "server": "s", "boot": "b", "pid": 1, "devices": [], "read_roots": [], "write_roots": [],
    "limits": {},
}  # fmt: skip
Answer = Callable[["Stumbling", Message], None]


class Stumbling:
    """A service that answers as a test says; it runs in its own thread and keeps what it was asked."""

    def __init__(self, answer: Answer, welcome: Mapping[str, Any] = WELCOME) -> None:
        self.asked: list[Message] = []
        self.answer = answer
        self._welcome = welcome
        self._route = b""
        self._stop = threading.Event()
        self._router = process_context().socket(zmq.ROUTER)
        self._router.linger = 0
        keys = KeyPair.new()
        self._router.curve_server = True
        self._router.curve_publickey, self._router.curve_secretkey = (
            keys.public.encode(),
            keys.secret.encode(),
        )
        port = self._router.bind_to_random_port("tcp://127.0.0.1")
        here = f"tcp://127.0.0.1:{port}"
        self.connection = Connection(here, keys.public, KeyPair.new(), "b" * 32, 1, "here")
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def reply(self, message: Message) -> None:
        self._router.send_multipart([self._route, *pack(message)])

    def send_raw(self, frames: list[bytes]) -> None:
        self._router.send_multipart([self._route, *frames])

    def event(self, re: Message, seq: int, kind: str = "warning", body: Any = None) -> None:
        whole = {"job": JOB, "seq": seq, "kind": kind, "body": body or {}}
        self.reply(Message("event", whole, re=re.id))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._router.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if self._router.poll(20):
                self._route, *frames = self._router.recv_multipart()
                message = unpack(frames)
                self.asked.append(message)
                if message.op == "hello":
                    self.reply(Message("ok", self._welcome, re=message.id))
                else:
                    self.answer(self, message)
