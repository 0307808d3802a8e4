"""The two endpoints of the service: ROUTER sockets with CURVE, one for clients, one for its own processes."""

import errno
import time
from typing import Any

import zmq

from svfr_client.connection import KeyPair
from svfr_client.protocol.wire import MAX_FRAME_BYTES
from svfr_server.errors import BadSettings
from svfr_server.supervisor.credit import SEND_MESSAGES

# No high-water mark: libzmq (4.3.5) stops a connection's input at one, and ends the process with an assertion
# in stream_engine_base.cpp when that connection then breaks. Memory is watched instead (``memory_watch.py``).
RECEIVE_MESSAGES = 0
# An encrypted frame is longer than what it holds: CurveZMQ's MESSAGE command adds 33 bytes (RFC 26).
CURVE_OVERHEAD_BYTES = 64
REBIND_SECONDS = 5.0
_CLIENTS: dict[int, int] = {
    zmq.SNDHWM: SEND_MESSAGES,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.MAXMSGSIZE: MAX_FRAME_BYTES + CURVE_OVERHEAD_BYTES,
}
# The service's own processes are on this machine and known to live: no heartbeat may cut one that was
# suspended together with the service, and what they are sent must not be lost.
_CHILDREN: dict[int, int] = {zmq.SNDHWM: 0, zmq.MAXMSGSIZE: MAX_FRAME_BYTES + CURVE_OVERHEAD_BYTES}


def bind_clients(
    context: "zmq.Context[Any]", *, address: str, port: int, keys: KeyPair, domain: str
) -> "zmq.Socket[bytes]":
    """Return the endpoint for clients; raises BadSettings where it cannot listen."""
    return _bind(context, address, port, keys=keys, domain=domain, options=_CLIENTS)


def bind_children(
    context: "zmq.Context[Any]", *, address: str, keys: KeyPair, domain: str
) -> "zmq.Socket[bytes]":
    """Return the endpoint for the service's own processes, on a free port."""
    return _bind(context, address, 0, keys=keys, domain=domain, options=_CHILDREN)


def endpoint_of(router: "zmq.Socket[bytes]") -> str:
    """Return where a socket listens, with its port."""
    return bytes(router.getsockopt(zmq.LAST_ENDPOINT)).decode("ascii").rstrip("\0")


def _bind(
    context: "zmq.Context[Any]",
    address: str,
    port: int,
    *,
    keys: KeyPair,
    domain: str,
    options: dict[int, int],
) -> "zmq.Socket[bytes]":
    router = context.socket(zmq.ROUTER)
    router.linger = 0
    router.curve_server = True
    router.curve_publickey = keys.public.encode("ascii")
    router.curve_secretkey = keys.secret.encode("ascii")
    router.zap_domain = domain.encode("ascii")
    common: dict[int, int] = {
        zmq.ROUTER_MANDATORY: 1,
        zmq.RCVHWM: RECEIVE_MESSAGES,
        zmq.HANDSHAKE_IVL: 3000,
        zmq.BACKLOG: 512,
    }
    for option, value in {**common, **options}.items():
        router.setsockopt(option, value)
    give_up = time.monotonic() + (REBIND_SECONDS if port else 0.0)
    while True:
        try:
            router.bind(f"tcp://{address}:{port or '*'}")
            return router
        except zmq.ZMQError as problem:
            # The socket that had the port before may still be closing.
            if problem.errno != zmq.EADDRINUSE or time.monotonic() >= give_up:
                router.close()
                raise _cannot_listen(address, port, problem) from problem
            time.sleep(0.01)


def _cannot_listen(address: str, port: int, problem: zmq.ZMQError) -> BadSettings:
    """Return why no socket can be opened there, and what to do."""
    if problem.errno == zmq.EADDRINUSE:
        text = f"Another program listens at {address}:{port} already."
        return BadSettings(text, remedy="Name another --port, or end that program (`svfr serve --stop`).")
    where = f"Cannot listen at {address}:{port}"
    if problem.errno == errno.EACCES:
        return BadSettings(f"{where}: this user may not.", remedy="Name a --port from 1024 on.")
    remedy = "Name an address of this machine in --listen; 0.0.0.0 stands for all of them."
    return BadSettings(f"{where}.", remedy=remedy)
