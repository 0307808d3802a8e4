"""What is announced of one silence holds: a wait that was promised does not end before."""

import pytest
from stumbling_service import Stumbling

from svfr_client import silence
from svfr_client.errors import ServerDoesNotAnswer
from svfr_client.exchange import Exchange
from svfr_client.protocol.wire import Message
from svfr_client.send_window import SendWindow
from svfr_client.silence import Silence


def test_no_earlier_time_is_told_within_one_silence() -> None:
    said: list[str] = []
    now = [100.0]
    silence = Silence(said.append, lambda: now[0])
    silence.begin()
    now[0] = 110.0
    silence.goes_on(150.0)
    assert silence.promised == 150.0
    silence.goes_on(128.0)  # the line broke, and the next wait would be a shorter one
    assert (len(said), silence.promised) == (1, 150.0)
    silence.goes_on(170.0)
    assert (len(said), silence.promised) == (2, 170.0)
    silence.ends()
    assert (said[2:], silence.promised) == ([""], 0.0)
    now[0] = 120.0
    silence.goes_on(130.0)
    assert (len(said), silence.promised) == (4, 130.0), "another silence has its own time"


def test_a_request_after_a_break_is_waited_for_as_long_as_was_promised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(silence, "QUIET_NOTICE_SECONDS", 0.0)
    said: list[str] = []
    service = Stumbling(lambda _, message: None)
    exchange = Exchange(service.connection, None, reply_seconds=0.1, attempts=3)
    try:
        exchange.report_silence(said.append)
        began = exchange.clock.read()
        assert not list(exchange.replies_ahead([Message("put", {})], SendWindow(1), 0.4))
        with pytest.raises(ServerDoesNotAnswer):  # which by itself waits 0.3 s
            exchange.answer(Message("list", {}))
        assert exchange.clock.read() - began >= 0.4 + 3 * 0.4 and len(said) == 1
    finally:
        exchange.close()
        service.close()
