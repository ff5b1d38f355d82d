"""Answers as they leave: the head with the body, and alone where there is none."""

import socket

from starlette.types import Receive, Scope, Send
from tests.support.serving import exchange, listener, run


async def _greet(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, and answer with it in two pieces; HEAD has none."""
    body = (await receive())["body"]
    head = [(b"content-length", b"%d" % (2 * len(body)))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": body})


def _answered(request: bytes) -> bytes:
    one = listener(app=_greet)
    return run([one], lambda: exchange(one.bound.port, request))


def test_a_body_comes_whole_and_in_order() -> None:
    """Head and pieces of an answer arrive once each, in their order."""
    answer = _answered(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nokok")
    assert answer.count(b"HTTP/1.1") == 1


def test_an_answer_to_head_is_its_head() -> None:
    """RFC 9110 9.3.2: an answer to HEAD has no body; its head is sent all the same."""
    answer = _answered(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")


def test_continue_is_said_at_once() -> None:
    """RFC 9110 10.1.1: who waits for 100 Continue before its body hears it before the answer."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    one = listener(app=_greet)

    def client() -> tuple[bytes, bytes]:
        with socket.create_connection(("127.0.0.1", one.bound.port), timeout=10) as connection:
            connection.sendall(head)
            first = connection.recv(1000)
            connection.sendall(b"ok")
            return first, b"".join(iter(lambda: connection.recv(1000), b""))

    first, answer = run([one], client)

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"okok")
