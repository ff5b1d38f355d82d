"""The legacy REST API (wire contract, section d): its flow, to the letter of what its clients go by."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from tests.support.director import director
from tests.support.legacy import (
    CERTIFICATES,
    FORBIDDEN,
    INFORMATION,
    MANAGEMENT,
    RENEWALS,
    REVOCATIONS,
    curl,
    legacy_url,
    openssl_csr,
    post_csr,
)
from tests.support.server import Identity, Server

SET = """mutation ($id: ID!, $key: String!, $value: Any!) {{
    result: set{kind}Label({kind_id}: $id, key: $key, value: $value) {{ key }} }}"""
EVENTING = """mutation ($app: ID!, $runtime: ID!) {
    result: setDefaultEventingForApplication(appID: $app, runtimeID: $runtime) { defaultURL } }"""


def certificates(encoded: str) -> list[x509.Certificate]:
    """The certificates in a field of the answer, read by a strict decoder."""
    return x509.load_pem_x509_certificates(b64decode(encoded, validate=True))


def keep(directory: Path, issued: dict[str, str], subject: str) -> Identity:
    """The issued chain in a file, beside the key."""
    chain = directory / "chain.pem"
    chain.write_bytes(b64decode(issued["crt"], validate=True))
    return Identity(chain, directory / "key.pem", subject)


def enroll(server: Server, application: str, directory: Path) -> Identity:
    """A certificate by the legacy API."""
    told = curl(server, legacy_url(server, application)).json
    subject = told["certificate"]["subject"]
    issued = post_csr(server, told["csrUrl"], openssl_csr(directory, subject))
    assert issued.status == 201, issued
    return keep(directory, issued.json, subject)


@pytest.mark.parametrize("options", [(), ("-sha1",)], ids=["SHA-256", "SHA-1 and CRLF"])
def test_the_whole_life_of_a_legacy_client(server: Server, tmp_path: Path, options: tuple[str, ...]) -> None:
    """The URL that is handed over leads to the information, the certificate, the management information, the renewal
    (201) and the revocation (201, empty); after it renewal is refused (403). Old clients' CSRs are taken: SHA-1, CRLF.
    """

    def make(directory: Path, subject: str) -> bytes:
        csr = openssl_csr(directory, subject, *options)
        return csr.replace(b"\n", b"\r\n") if options else csr

    first = curl(server, legacy_url(server, server.application(f"legacy-life-{len(options)}")))
    assert first.status == 200
    assert first.headers["cache-control"] == "no-store"
    told = first.json
    assert list(told) == ["csrUrl", "api", "certificate"]
    subject = told["certificate"]["subject"]
    issued = post_csr(server, told["csrUrl"], make(tmp_path / "first", subject))
    assert issued.status == 201
    assert list(issued.json) == ["crt", "clientCrt", "caCrt"]
    (leaf,), (issuing,) = (certificates(issued.json[name]) for name in ("clientCrt", "caCrt"))
    assert certificates(issued.json["crt"]) == [leaf, issuing]
    identity = keep(tmp_path / "first", issued.json, subject)

    managed = curl(server, told["api"]["infoUrl"], identity=identity)
    assert managed.status == 200
    assert managed.json["certificate"] == told["certificate"]
    renewed = post_csr(
        server, managed.json["urls"]["renewCertUrl"], make(tmp_path / "second", subject), identity=identity
    )
    assert renewed.status == 201
    second = keep(tmp_path / "second", renewed.json, subject)
    revoked = curl(server, managed.json["urls"]["revokeCertUrl"], "--request", "POST", identity=second)
    assert (revoked.status, revoked.body) == (201, b"")
    again = post_csr(server, f"{server.urls['mtls']}{RENEWALS}", make(tmp_path / "third", subject), identity=second)
    assert (again.status, again.json) == (403, FORBIDDEN)
    assert curl(server, told["api"]["infoUrl"], identity=second).json == FORBIDDEN
    assert curl(server, told["api"]["infoUrl"], identity=identity).status == 200  # the first one was not revoked


def test_urls_and_names_to_the_letter(server: Server, tmp_path: Path) -> None:
    """Every member of both kinds of information has the value and the type that clients expect; without a runtime the
    events' URLs are empty texts.
    """
    told = curl(server, legacy_url(server, server.application("Legacy Shop"))).json
    public, mtls = server.urls["public"], server.urls["mtls"]
    base, _, secret = told["csrUrl"].partition("?token=")
    services = {
        "eventsUrl": "",
        "eventsInfoUrl": "",
        "metadataUrl": f"{mtls}/mp-legacy-shop/v1/metadata/services",
    }
    assert base == f"{public}{CERTIFICATES}"
    assert len(secret) == 88
    assert told["api"] == {
        **services,
        "infoUrl": f"{mtls}{MANAGEMENT}",
        "certificatesUrl": f"{public}{CERTIFICATES}",
    }
    subject = told["certificate"].pop("subject")
    assert [pair.split("=")[0] for pair in subject.split(",")] == ["O", "OU", "L", "ST", "C", "CN"]
    assert told["certificate"] == {"extensions": "", "key-algorithm": "rsa2048"}

    issued = post_csr(server, told["csrUrl"], openssl_csr(tmp_path, subject)).json
    managed = curl(server, f"{mtls}{MANAGEMENT}", identity=keep(tmp_path, issued, subject)).json
    assert list(managed) == ["clientIdentity", "urls", "certificate"]
    assert managed["clientIdentity"] == {"application": "mp-legacy-shop"}
    assert managed["urls"] == {
        **services,
        "renewCertUrl": f"{mtls}{RENEWALS}",
        "revokeCertUrl": f"{mtls}{REVOCATIONS}",
    }
    assert managed["certificate"] == {**told["certificate"], "subject": subject}


def test_labels_lead_the_legacy_urls(server: Server, tmp_path: Path) -> None:
    """The label name is the application's name, or where it is no text its own name. The events' URLs have its own
    name, normalized or not by the runtime's label. In a path the name is percent-encoded.
    """
    with director(server, "legacy-labels") as admin:
        application = admin.register("Label Shop")
        runtime = admin.register("label-runtime", "Runtime")
        identity = server.enroll(admin.token(application), tmp_path)
        url = f"{server.urls['mtls']}{MANAGEMENT}"

        def label(kind: str, id: str, key: str, value: Any) -> None:
            kind_id = f"{kind.lower()}ID"
            admin.ask(SET.format(kind=kind, kind_id=kind_id), {"id": id, "key": key, "value": value})

        label("Runtime", runtime, "runtime_eventServiceUrl", "https://events.example")
        admin.ask(EVENTING, {"app": application, "runtime": runtime})
        for value, name, path, is_normalized, events in [
            ("mp-label-shop", "mp-label-shop", "mp-label-shop", "true", "mp-label-shop"),
            ("mp-label-shop", "mp-label-shop", "mp-label-shop", "false", "Label%20Shop"),
            ("A/b ../C", "A/b ../C", "A%2Fb%20..%2FC", "true", "mp-label-shop"),
            ("A/b ../C", "A/b ../C", "A%2Fb%20..%2FC", "false", "Label%20Shop"),
            (7, "Label Shop", "Label%20Shop", "true", "mp-label-shop"),
        ]:
            label("Runtime", runtime, "isNormalized", is_normalized)
            label("Application", application, "name", value)
            managed = curl(server, url, identity=identity).json
            assert managed["clientIdentity"] == {"application": name}
            assert managed["urls"]["metadataUrl"] == f"{server.urls['mtls']}/{path}/v1/metadata/services"
            assert managed["urls"]["eventsUrl"] == f"https://events.example/{events}/v1/events"
            assert managed["urls"]["eventsInfoUrl"] == f"https://events.example/{events}/v1/events/subscribed"


def test_white_space_in_the_csr_is_removed(server: Server, tmp_path: Path) -> None:
    """All of Unicode's white space in the base64 is removed before it is read, as the original does."""
    told = curl(server, legacy_url(server, server.application("legacy-blanks"))).json
    encoded = b64encode(openssl_csr(tmp_path, told["certificate"]["subject"])).decode()
    wrapped = "\u2003\t".join(encoded[start : start + 64] for start in range(0, len(encoded), 64))
    body = json.dumps({"csr": f" \u00a0\r\n{wrapped}\u3000"}, ensure_ascii=False)

    assert curl(server, told["csrUrl"], "--json", body).status == 201


def test_a_lost_reply_is_given_again(server: Server, tmp_path: Path) -> None:
    """With an Idempotency-Key the same token and CSR bring the same certificate; without it the token is spent. The
    same holds for a renewal, which answers a repeat with the same certificate.
    """
    told = curl(server, legacy_url(server, server.application("legacy-steps"))).json
    subject, key = told["certificate"]["subject"], ("--header", "Idempotency-Key: one")
    csr = openssl_csr(tmp_path, subject)
    first, again = (post_csr(server, told["csrUrl"], csr, *key) for _ in range(2))
    assert first.status == again.status == 201
    assert first.json == again.json
    assert post_csr(server, told["csrUrl"], csr).json == FORBIDDEN
    other = post_csr(server, told["csrUrl"], openssl_csr(tmp_path / "other", subject), *key)
    assert (other.status, other.json["code"]) == (422, 422)

    identity = keep(tmp_path, first.json, subject)
    url = f"{server.urls['mtls']}{RENEWALS}"
    renewed, repeated = (post_csr(server, url, csr, *key, identity=identity) for _ in range(2))
    assert renewed.status == 201
    assert renewed.json == repeated.json != first.json


def test_a_token_is_spent_once(server: Server, tmp_path: Path) -> None:
    """The information spends its token, and csrUrl's token brings one certificate; a refused CSR spends none."""
    url = legacy_url(server, server.application("legacy-once"))
    told = curl(server, url).json
    assert curl(server, url).json == FORBIDDEN
    assert post_csr(server, told["csrUrl"], b"no PEM").status == 400
    csr = openssl_csr(tmp_path, told["certificate"]["subject"])
    assert post_csr(server, told["csrUrl"], csr).status == 201
    refused = post_csr(server, told["csrUrl"], csr)
    assert (refused.status, refused.json) == (403, FORBIDDEN)


def test_the_header_is_as_good_as_the_parameter(server: Server, tmp_path: Path) -> None:
    """A token may come in the header Connector-Token, or in header and URL alike, as from a gateway that copies it."""
    application = server.application("legacy-header")
    token = server.token(application)
    told = curl(server, f"{server.urls['public']}{INFORMATION}", "--header", f"Connector-Token: {token}").json
    _, _, next_token = told["csrUrl"].partition("?token=")
    csr = openssl_csr(tmp_path, told["certificate"]["subject"])

    assert post_csr(server, told["csrUrl"], csr, "--header", f"Connector-Token: {next_token}").status == 201


def test_a_runtime_enrolls_and_is_no_application(server: Server, tmp_path: Path) -> None:
    """A runtime's token and certificate are refused where an application is asked for, and are not spent by it; the
    token brings a certificate.
    """
    with director(server, "legacy-runtime") as admin:
        token = admin.token(admin.register("legacy-runtime", "Runtime"), "Runtime")
    public, mtls = server.urls["public"], server.urls["mtls"]
    assert curl(server, f"{public}{INFORMATION}?token={token}").json == FORBIDDEN
    with server.bearer(token) as client:
        told = client.configuration(server.public_connector)
    issued = post_csr(server, f"{public}{CERTIFICATES}?token={told.token}", openssl_csr(tmp_path, told.subject))
    assert issued.status == 201
    identity = keep(tmp_path, issued.json, told.subject)
    assert curl(server, f"{mtls}{MANAGEMENT}", identity=identity).json == FORBIDDEN


def test_legacy_and_graphql_are_one(server: Server, tmp_path: Path) -> None:
    """A token from one API serves the other, and a certificate that one revokes is refused by the other."""
    application = server.application("legacy-mixed")
    with server.bearer(server.token(application)) as client:
        told = client.configuration(server.public_connector)
    url = f"{server.urls['public']}{CERTIFICATES}?token={told.token}"
    issued = post_csr(server, url, openssl_csr(tmp_path, told.subject)).json
    identity = keep(tmp_path, issued, told.subject)
    with server.holder(identity) as client:
        client.revoke(server.mtls_connector)

    assert curl(server, f"{server.urls['mtls']}{MANAGEMENT}", identity=identity).json == FORBIDDEN
