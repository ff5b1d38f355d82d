"""Refusals as OCSP has them."""

import asyncio
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import pytest
from cryptography.x509 import ocsp
from starlette.types import Message
from tests.support.issuing import make_issuer, only
from tests.support.memory.store import MemoryStore
from tests.support.ocsp import MALFORMED, UNKNOWN, by_library

from connector.domain.refusals import requests, storage
from connector.domain.refusals.issuers import SignerUnavailable
from connector.domain.refusals.ocsp import OCSPIssuerUnknown, OCSPRequestMalformed
from connector.usecases.ocsp import OCSP, Responders
from connector.web.ocsp import STATUSES, OCSPEndpoint
from connector.web.problems import PROBLEMS
from connector.web.requests import BodyLimits

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ISSUER = make_issuer(now=NOW)
RAISED = {
    OCSPRequestMalformed,
    OCSPIssuerUnknown,
    SignerUnavailable,
    storage.StorageUnavailable,
    storage.StorageFull,
    storage.StorageReadOnly,
    requests.BadRequest,
    requests.BodyTooLarge,
    requests.RequestTimeout,
    requests.Overloaded,
}
Status = ocsp.OCSPResponseStatus


def asked(body: bytes, *, refresh: bool = True) -> Status:
    """The status of the answer to this POST; the HTTP status is always 200."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    async def main() -> None:
        store = MemoryStore()
        responders = Responders(only(ISSUER, now=NOW), lambda: NOW, token_bytes)
        if refresh:
            await responders.make(responders.due[0])
        endpoint = OCSPEndpoint(OCSP(store, responders, lambda: NOW, timedelta(minutes=5)), BodyLimits(1 << 20, 5))
        headers = [(b"content-length", str(len(body)).encode())]
        await endpoint({"type": "http", "method": "POST", "path": "/ocsp", "headers": headers}, receive, send)

    asyncio.run(main())
    start, answer = sent
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-type"] == b"application/ocsp-response"
    return ocsp.load_der_ocsp_response(answer["body"]).response_status


def test_every_refusal_has_a_status_of_ocsp() -> None:
    """Whatever can be raised here has its place in the map, and is no internal error."""
    assert {PROBLEMS[kind].status for kind in RAISED} <= STATUSES.keys()
    assert {STATUSES[PROBLEMS[kind].status].name for kind in RAISED} == {
        "MALFORMED_REQUEST",
        "UNAUTHORIZED",
        "TRY_LATER",
    }


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_answered_as_such(name: str) -> None:
    """It is answered malformedRequest, unsigned."""
    assert asked(MALFORMED[name]) is Status.MALFORMED_REQUEST


@pytest.mark.parametrize("name", UNKNOWN)
def test_other_issuer_is_answered_as_such(name: str) -> None:
    """It is answered unauthorized: there is no authoritative answer here (RFC 5019 2.2.3)."""
    assert asked(UNKNOWN[name]) is Status.UNAUTHORIZED


def test_what_cannot_be_answered_now_is_told_to_come_again() -> None:
    """Without a responder the answer is tryLater; a body beyond the limit is malformed, whatever is in it."""
    good = by_library(ISSUER.certificate, 5)

    assert asked(good) is Status.SUCCESSFUL
    assert asked(good, refresh=False) is Status.TRY_LATER
    assert asked(good + bytes(1 << 20)) is Status.MALFORMED_REQUEST
