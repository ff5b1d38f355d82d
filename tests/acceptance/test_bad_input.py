"""What must not work, against a running server: each refusal in the shape of its protocol, and nothing lost."""

import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.support.server import Identity, Server, obtain, post

from connector.client import Client, Refused, make_csr, make_key

CONFIGURATION = "{ configuration { token { token } certificateSigningRequestInfo { subject } } }"
VIEWER = "{ result: viewer { id type } }"


@pytest.fixture(scope="module")
def application(server: Server) -> str:
    """An application for this module's tokens."""
    return server.application("bad-input")


@pytest.fixture
def token(server: Server, application: str) -> str:
    """A token of its own for each test."""
    return server.token(application)


@pytest.fixture
def identity(server: Server, token: str, tmp_path: Path) -> Identity:
    """An enrolled system of its own for each test."""
    return server.enroll(token, tmp_path / "identity")


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    """Plain HTTPS to the public listener, the root trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=server.root.decode())
    with httpx2.Client(verify=context, timeout=30) as client:
        yield client


def error(answer: httpx2.Response) -> str:
    """The code of an answer that is an error, after checking that it has the one shape."""
    content = answer.json()
    assert content["data"] is None
    assert len(content["errors"]) == 1
    entry = content["errors"][0]
    assert entry["message"]
    assert isinstance(entry["extensions"]["error_code"], int)
    assert entry["extensions"]["code"]
    return str(entry["extensions"]["error"])


def refusal(client: Client, url: str, query: str) -> str:
    with pytest.raises(Refused) as caught:
        client.query(url, query)
    return caught.value.code


class TestTokens:
    """One-time tokens that are not good."""

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({}, "credential_missing"),
            ({"Connector-Token": ""}, "credential_missing"),
            ({"Connector-Token": "x"}, "token_unknown"),
            ({"Connector-Token": "A" * 88}, "token_unknown"),
            ({"Connector-Token": "A" * 20_000}, "token_unknown"),
            ({"Connector-Token": "\u00e9" * 88}, "token_unknown"),
        ],
    )
    def test_missing_or_unknown(self, server: Server, http: httpx2.Client, headers: dict[str, str], code: str) -> None:
        """Without a known token the answer is a refusal: HTTP 200 with errors (docs/wire-contract.md)."""
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = http.post(server.public_connector, json={"query": CONFIGURATION}, headers=raw)

        assert answer.status_code == 200
        assert error(answer) == code
        assert answer.json()["errors"][0]["path"] == ["configuration"]

    def test_the_path_is_the_alias(self, server: Server, http: httpx2.Client) -> None:
        """An error's path names the field as the client called it."""
        answer = post(http, server.public_connector, "query { result: configuration() { token { token } } }")

        assert answer.json()["errors"][0]["path"] == ["result"]

    def test_spent(self, server: Server, token: str) -> None:
        """A token that was redeemed is refused as spent, for configuration and for signing."""
        with server.bearer(token) as client:
            told = client.configuration(server.public_connector)
            assert (
                refusal(client, server.public_connector, "{ result: configuration { token { token } } }")
                == "token_spent"
            )
            with pytest.raises(Refused) as caught:
                client.sign(server.public_connector, make_csr(make_key(), told.subject))
        assert caught.value.code == "token_spent"

    def test_the_next_token_is_good_for_one_signature(self, server: Server, token: str, tmp_path: Path) -> None:
        """The token that comes with the configuration signs once, and then is spent."""
        with server.bearer(token) as client:
            told = client.configuration(server.public_connector)
        with server.bearer(told.token) as client:
            obtain(client, server.public_connector, told, tmp_path)
            with pytest.raises(Refused) as caught:
                client.sign(server.public_connector, make_csr(make_key(), told.subject))
        assert caught.value.code == "token_spent"

    def test_withdrawn(self, server: Server, application: str) -> None:
        """A token that an administrator withdrew is refused as withdrawn."""
        minted = json.loads(server.command("token", "mint", "bad-input", "--json").stdout)
        server.command("token", "withdraw", minted["id"])
        secret = json.loads(base64.b64decode(minted["pairing"]))["token"]
        with server.bearer(secret) as client:
            code = refusal(client, server.public_connector, "{ result: configuration { token { token } } }")
        assert code == "token_withdrawn"

    def test_of_a_deleted_system_auth(self, server: Server, application: str) -> None:
        """A token of a system auth that is gone is refused as withdrawn."""
        document = "mutation ($id: ID!) { result: requestOneTimeTokenForApplication(id: $id) { token } }"
        token = server.administer(document, {"id": application})["token"]
        auths = server.administer(f'{{ result: application(id: "{application}") {{ auths {{ id }} }} }}')["auths"]
        server.administer(
            f'mutation {{ result: deleteSystemAuthForApplication(authID: "{auths[-1]["id"]}") {{ id }} }}'
        )
        with server.bearer(token) as client:
            code = refusal(client, server.public_connector, "{ result: configuration { token { token } } }")
        assert code == "token_withdrawn"

    def test_a_refused_csr_does_not_spend_it(self, server: Server, token: str, tmp_path: Path) -> None:
        """After nine refused CSRs the token still redeems."""
        with server.bearer(token) as client:
            told = client.configuration(server.public_connector)
        with server.bearer(told.token) as client:
            for _ in range(9):
                with pytest.raises(Refused) as caught:
                    client.sign(server.public_connector, b"no CSR")
                assert caught.value.code == "csr_not_pem"
            obtain(client, server.public_connector, told, tmp_path)

    def test_ten_refused_csrs_withdraw_it(self, server: Server, token: str) -> None:
        """The tenth refused CSR withdraws the token, so that nobody guesses for ever."""
        with server.bearer(token) as client:
            told = client.configuration(server.public_connector)
        with server.bearer(told.token) as client:
            for _ in range(10):
                with pytest.raises(Refused):
                    client.sign(server.public_connector, b"no CSR")
            with pytest.raises(Refused) as caught:
                client.sign(server.public_connector, make_csr(make_key(), told.subject))
        assert caught.value.code == "token_withdrawn"

    def test_nothing_else_spends_it(self, server: Server, http: httpx2.Client, token: str) -> None:
        """A syntax error, introspection, a wrong field, and revokeCertificate leave the token as it was."""
        for query in (
            "{ configuration",
            "{ __schema { types { name } } }",
            "{ nothing }",
            "mutation { revokeCertificate }",
            "{ __typename }",
        ):
            post(http, server.public_connector, query, **{"Connector-Token": token})
        with server.bearer(token) as client:
            assert client.configuration(server.public_connector).token

    def test_two_configurations_in_one_request(self, server: Server, http: httpx2.Client, token: str) -> None:
        """A second configuration in one request would lose the next token: the request is refused, the token good."""
        query = "{ a: configuration { token { token } } b: configuration { token { token } } }"
        answer = post(http, server.public_connector, query, **{"Connector-Token": token})

        assert error(answer) == "document_too_complex"
        with server.bearer(token) as client:
            assert client.configuration(server.public_connector)

    def test_in_a_url_it_is_not_read(self, server: Server, http: httpx2.Client, token: str) -> None:
        """A token in the query string counts for nothing on the GraphQL path."""
        answer = post(http, f"{server.public_connector}?token={token}", CONFIGURATION)

        assert error(answer) == "credential_missing"

    def test_sent_twice_it_is_refused(self, server: Server, http: httpx2.Client, token: str) -> None:
        """Two Connector-Token headers leave it open which one counts, so that neither does."""
        headers = [("Connector-Token", token), ("Connector-Token", "other")]
        answer = http.post(server.public_connector, json={"query": CONFIGURATION}, headers=headers)

        assert (answer.status_code, error(answer)) == (400, "bad_request")


class TestHTTP:
    """Requests that are not what GraphQL over HTTP asks for."""

    @pytest.mark.parametrize(
        ("body", "content_type", "status", "code"),
        [
            (b"", "application/json", 400, "bad_request"),
            (b"{", "application/json", 400, "bad_request"),
            (b"\xff\xfe", "application/json", 400, "bad_request"),
            (b"null", "application/json", 400, "bad_request"),
            (b'[{"query": "{ __typename }"}]', "application/json", 400, "bad_request"),
            (b"{}", "application/json", 400, "bad_request"),
            (b'{"query": 1}', "application/json", 400, "bad_request"),
            (b'{"query": "{ __typename }", "variables": []}', "application/json", 400, "bad_request"),
            (b'{"query": "{ __typename }", "operationName": 1}', "application/json", 400, "bad_request"),
            (b"[" * 100_000, "application/json", 400, "bad_request"),
            (b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 100_000, "application/json", 400, "bad_request"),
            (b'{"query": "{ nothing }"}', "application/json", 422, "document_invalid"),
            (b'{"query": "{ configuration { token"}', "application/json", 422, "document_invalid"),
            ('{"query": "{ __typename }"}'.encode("utf-16"), "application/json", 400, "bad_request"),
            ('{"query": "{ __typename }"}'.encode("utf-32-be"), "application/json", 400, "bad_request"),
            (b'\xef\xbb\xbf{"query": "{ __typename }"}', "application/json", 400, "bad_request"),
            (b'{"query": "{ __typename }", "query": "{ __typename }"}', "application/json", 400, "bad_request"),
            (b'{"query": "{ __typename }", "variables": {"a": NaN}}', "application/json", 400, "bad_request"),
            (b'{"query": "{ __typename }", "variables": {"a": 1e999}}', "application/json", 400, "bad_request"),
            (
                b'{"query": "{ __typename }", "variables": {"a": "\xed\xbf\xbf"}}',
                "application/json",
                400,
                "bad_request",
            ),
            (b"query=%7B__typename%7D", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
            (b'{"query": "{ __typename }"}', "text/plain", 415, "unsupported_media_type"),
            (b"x" * (1 << 20) + b"x", "application/json", 413, "body_too_large"),
            (b"x" * (1 << 20), "application/json", 400, "bad_request"),
        ],
    )
    def test_bodies(
        self, server: Server, http: httpx2.Client, body: bytes, content_type: str, status: int, code: str
    ) -> None:
        """A body that cannot be read has a status of its own and always an errors array."""
        headers = {"Content-Type": content_type, "Connector-Token": "any"}
        answer = http.post(server.public_connector, content=body, headers=headers)

        assert (answer.status_code, error(answer)) == (status, code)

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/connector/graphql", 400, "bad_request"),
            ("GET", "/connector/graphql?query=%7B", 422, "document_invalid"),
            ("GET", "/connector/graphql?query=%7B__typename%7D&variables=%7B%22a%22:NaN%7D", 400, "bad_request"),
            ("GET", "/connector/graphql?query=%7B__typename%7D&variables=%ED%BF%BF", 400, "bad_request"),
            ("GET", "/connector/graphql?query=mutation%7BrevokeCertificate%7D", 405, "method_not_allowed"),
            ("GET", "/connector/graphql?" + "a=1&" * 50, 400, "bad_request"),
            ("PUT", "/connector/graphql", 405, "method_not_allowed"),
            ("DELETE", "/director/graphql", 405, "method_not_allowed"),
            ("GET", "/nothing", 404, "path_not_found"),
            ("GET", "/connector/graphql/../../etc/passwd", 404, "path_not_found"),
            ("POST", "/healthz", 405, "method_not_allowed"),
            ("POST", "/connector/graphql/", 404, "path_not_found"),
            ("GET", "/pki", 404, "path_not_found"),
        ],
    )
    def test_methods_and_paths(
        self, server: Server, http: httpx2.Client, method: str, path: str, status: int, code: str
    ) -> None:
        """Every path and method that is not served says so in the one shape."""
        answer = http.request(method, server.urls["public"] + path)

        assert (answer.status_code, error(answer)) == (status, code)

    def test_a_wrong_variable(self, server: Server, http: httpx2.Client) -> None:
        """A variable of the wrong type is the caller's fault, by code and message."""
        query = "mutation ($csr: String!) { signCertificateSigningRequest(csr: $csr) { certificateChain } }"
        answer = http.post(server.public_connector, json={"query": query, "variables": {"csr": 1}})

        assert (answer.status_code, error(answer)) == (422, "document_invalid")

    def test_half_a_character(self, server: Server, http: httpx2.Client) -> None:
        """JSON can spell half of a surrogate pair; no text of ours can hold it, so that it is refused."""
        body = b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}'
        answer = http.post(server.public_connector, content=body, headers={"Content-Type": "application/json"})

        assert (answer.status_code, error(answer)) == (400, "bad_request")

    def test_no_name_is_suggested(self, server: Server, http: httpx2.Client) -> None:
        """With introspection off, neither a wrong field nor a wrong variable is answered with the right name."""
        query = "mutation ($in: ApplicationRegisterInput!) { registerApplication(in: $in) { id } }"
        answer = http.post(server.public_director, json={"query": query, "variables": {"in": {"nam": "x"}}})

        assert error(answer) == "document_invalid"
        assert "Did you mean" not in answer.text

    @pytest.mark.parametrize(
        "query",
        [
            "{" + "configuration{token{token}}" * 4000 + "}",
            "{" + " ".join(f"a{n}: configuration {{ token {{ token }} }}" for n in range(10_000)) + "}",
            "mutation { " + " ".join(f"a{n}: revokeCertificate" for n in range(1000)) + " }",
            "{ configuration " + "@include(if: true)" * 5000 + " { token { token } } }",
            "{ ..." + "a" * 60_000 + " }",
            "{" * 10_000,
            "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
        ],
    )
    def test_bombs(self, server: Server, http: httpx2.Client, token: str, query: str) -> None:
        """A GraphQL bomb is refused before anything of it runs; the token survives it."""
        answer = post(http, server.public_connector, query, **{"Connector-Token": token})

        assert answer.status_code == 422
        assert error(answer) in {"document_too_complex", "document_invalid"}
        with server.bearer(token) as client:
            assert client.configuration(server.public_connector)

    def test_a_huge_literal_is_a_csr_that_is_too_large(self, server: Server, http: httpx2.Client, token: str) -> None:
        """Almost a mebibyte as CSR is refused for its size, without being decoded."""
        query = f'mutation {{ signCertificateSigningRequest(csr: "{"A" * 1_000_000}") {{ caCertificate }} }}'
        answer = post(http, server.public_connector, query, **{"Connector-Token": token})

        assert error(answer) == "csr_too_large"


class TestCertificates:
    """Client certificates that are not good, in the handshake and after it."""

    def test_without_a_certificate_there_is_no_connection(self, server: Server) -> None:
        """The mutual-TLS listener refuses a client without a certificate in the handshake."""
        with server.anonymous() as client, pytest.raises(httpx2.HTTPError):
            client.query(server.mtls_connector, "{ result: configuration { token { token } } }")

    def test_a_token_is_nothing_there(self, server: Server, token: str) -> None:
        """A token does not open the mutual-TLS listener."""
        with server.bearer(token) as client, pytest.raises(httpx2.HTTPError):
            client.configuration(server.mtls_connector)

    def test_revoked_by_its_holder(self, server: Server, identity: Identity) -> None:
        """After revokeCertificate the very connection that asked for it is refused, on both APIs, and a second time."""
        with server.holder(identity) as client:
            client.revoke(server.mtls_connector)
            for url, query in (
                (server.mtls_connector, "{ result: configuration { managementPlaneInfo { directorURL } } }"),
                (server.mtls_connector, "mutation { result: revokeCertificate }"),
                (server.mtls_director, VIEWER),
            ):
                assert refusal(client, url, query) == "certificate_revoked"
            with pytest.raises(Refused) as caught:
                client.sign(server.mtls_connector, make_csr(make_key(), identity.subject))
            assert caught.value.code == "certificate_revoked"

    def test_a_token_fetched_with_it_ends_with_it(self, server: Server, identity: Identity) -> None:
        """A revoked holder has no way back through a token that was fetched before."""
        with server.holder(identity) as client:
            told = client.configuration(server.mtls_connector)
            client.revoke(server.mtls_connector)
        with server.bearer(told.token) as client:
            code = refusal(client, server.public_connector, "{ result: configuration { token { token } } }")
        assert code == "token_withdrawn"

    def test_fetching_one_leaves_the_administrators_alone(
        self, server: Server, application: str, identity: Identity
    ) -> None:
        """A configuration over mutual TLS withdraws no token that was handed out."""
        pending = server.token(application)
        with server.holder(identity) as client:
            client.configuration(server.mtls_connector)
        with server.bearer(pending) as client:
            assert client.configuration(server.public_connector)

    def test_of_an_unregistered_application(self, server: Server, tmp_path: Path) -> None:
        """Unregistering an application ends its certificates and its tokens at once."""
        application = server.application("to-be-removed")
        identity = server.enroll(server.token(application), tmp_path)
        pending = server.token(application)
        server.administer(f'mutation {{ result: unregisterApplication(id: "{application}") {{ id }} }}')
        with server.holder(identity) as client:
            assert refusal(client, server.mtls_director, VIEWER) == "certificate_revoked"
        with server.bearer(pending) as client:
            code = refusal(client, server.public_connector, "{ result: configuration { token { token } } }")
        assert code == "token_withdrawn"

    def test_a_renewal_is_bound_to_its_own_system_auth(self, server: Server, application: str, tmp_path: Path) -> None:
        """With one certificate nobody renews another's: the common name must be the presented one's."""
        one = server.enroll(server.token(application), tmp_path / "one")
        other = server.enroll(server.token(application), tmp_path / "other")
        with server.holder(one) as client, pytest.raises(Refused) as caught:
            client.sign(server.mtls_connector, make_csr(make_key(), other.subject))
        assert caught.value.code == "csr_subject_mismatch"
        assert str(caught.value).endswith("CSR: Invalid common name provided.")

    def test_a_holder_names_no_other_tenant(self, server: Server, identity: Identity) -> None:
        """A holder may name its own tenant and no other, whether that exists or not (code 26)."""
        server.command("tenant", "create", "elsewhere")
        with server.holder(identity) as client:
            assert client.query(server.mtls_director, VIEWER, headers={"Tenant": "default"})
            for tenant in ("elsewhere", "nobody"):
                with pytest.raises(Refused) as caught:
                    client.query(server.mtls_director, VIEWER, headers={"Tenant": tenant})
                assert caught.value.code == "tenant_forbidden"

    def test_a_holder_is_no_administrator(self, server: Server, identity: Identity) -> None:
        """The Director's administration is refused to holders of certificates, with the contract's number."""
        with server.holder(identity) as client:
            assert refusal(
                client, server.mtls_director, 'mutation { result: registerRuntime(in: {name: "a"}) { id } }'
            ) == ("insufficient_scopes")


IDENTITY_HEADERS = [
    "Client-Id-From-Token",
    "Client-Id-From-Certificate",
    "Subject-From-Certificate",
    "Client-Certificate-Hash",
    "Certificate-Data",
    "client_id_from_certificate",
    "CERTIFICATE_DATA",
    "X-Forwarded-Client-Cert",
    "X-SSL-Client-Cert",
    "X-SSL-Client-Verify",
    "Client-Cert",
    "SSL-Client-Cert",
    "X-Client-Cert",
]


class TestHeaders:
    """Headers that claim an identity."""

    @pytest.mark.parametrize("name", IDENTITY_HEADERS)
    @pytest.mark.parametrize("path", ["/connector/graphql", "/director/graphql"])
    def test_they_make_nobody_somebody(
        self, server: Server, http: httpx2.Client, identity: Identity, name: str, path: str
    ) -> None:
        """On the public listener no header but the token's and the key's is an identity."""
        fingerprint = ssl.PEM_cert_to_DER_cert(
            identity.chain.read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n"
        )
        common_name = identity.subject.rsplit("=", 1)[1]
        for value in (common_name, base64.b64encode(fingerprint).decode(), f'Hash=ab;Subject="CN={common_name}"'):
            query = "{ viewer { id } }" if "director" in path else CONFIGURATION
            for extra in ({}, {"Connection": f"keep-alive, {name}"}):
                answer = post(http, server.urls["public"] + path, query, **{name: value, **extra})
                assert error(answer) == "credential_missing"

    @pytest.mark.parametrize("name", IDENTITY_HEADERS)
    def test_they_make_nobody_somebody_else(
        self, server: Server, application: str, identity: Identity, name: str
    ) -> None:
        """On the mutual-TLS listener a holder stays who the handshake says."""
        with server.holder(identity) as client:
            viewer = client.query(server.mtls_director, VIEWER, headers={name: "00000000-0000-0000-0000-000000000000"})
        assert viewer == {"id": application, "type": "APPLICATION"}


class TestAdministrators:
    """Keys and tenants that are not good."""

    @pytest.mark.parametrize(
        ("authorization", "code"),
        [
            ("", "credential_missing"),
            ("Bearer", "credential_missing"),
            ("B", "credential_missing"),
            ("Basic YWRtaW46YWRtaW4=", "credential_missing"),
            ("Bearer x", "key_unknown"),
            ("Bearer \u00e9", "key_unknown"),
            ("Bearer " + "A" * 20_000, "key_unknown"),
            ("bearer connector-key-", "key_unknown"),
        ],
    )
    def test_keys(self, server: Server, http: httpx2.Client, authorization: str, code: str) -> None:
        """Without a known key the answer is a refusal, whatever the header looks like."""
        headers = {"Authorization": authorization.encode("latin-1"), "Tenant": b"default"}
        answer = http.post(
            server.public_director,
            json={"query": 'mutation { registerRuntime(in: {name: "a"}) { id } }'},
            headers=headers,
        )

        assert error(answer) == code

    @pytest.mark.parametrize(("tenant", "code"), [("", "tenant_required"), ("nobody", "tenant_not_found")])
    def test_tenants(self, server: Server, tenant: str, code: str) -> None:
        """The tenant must be named, and be there (codes 24 and 25)."""
        with pytest.raises(Refused) as caught:
            server.administer('mutation { result: registerRuntime(in: {name: "a"}) { id } }', tenant=tenant)
        assert caught.value.code == code

    def test_another_tenant_sees_nothing(self, server: Server, application: str) -> None:
        """Another tenant's application is answered as one that never was."""
        server.command("tenant", "create", "other")
        query = f'{{ result: application(id: "{application}") {{ id }} }}'

        assert server.administer(query) == {"id": application}
        assert server.administer(query, tenant="other") is None
        for mutation in ("unregisterApplication", "requestOneTimeTokenForApplication"):
            fields = "id" if mutation.startswith("unregister") else "token"
            with pytest.raises(Refused) as caught:
                server.administer(
                    f'mutation {{ result: {mutation}(id: "{application}") {{ {fields} }} }}', tenant="other"
                )
            assert caught.value.code == "not_found"
            assert str(caught.value).startswith("Object not found")

    def test_the_contracts_numbers(self, server: Server, http: httpx2.Client, application: str) -> None:
        """Refusals of the Director carry the original's numbers in extensions.error_code."""
        key = (server.data / "admin.key").read_text().strip()
        register = 'mutation { registerApplication(in: {name: "%s"}) { id } }'
        for number, tenant, query, bearer in (
            (20, "default", 'mutation { unregisterApplication(id: "nobody") { id } }', key),
            (22, "default", register % ("a" * 101), key),
            (24, "", register % "a", key),
            (25, "nobody", register % "a", key),
            (26, "default", register % "a", "wrong"),
            (31, "default", register % "bad-input", key),
        ):
            answer = post(http, server.public_director, query, Authorization=f"Bearer {bearer}", Tenant=tenant)
            assert answer.json()["errors"][0]["extensions"]["error_code"] == number, (number, answer.text)

    def test_unregistering_tells_what_was_there(self, server: Server) -> None:
        """The answer of unregister holds the auths that the application had."""
        application = server.application("to-be-told")
        server.token(application)
        told = server.administer(
            f'mutation {{ result: unregisterApplication(id: "{application}") {{ auths {{ id }} }} }}'
        )

        assert len(told["auths"]) == 1

    def test_a_name_is_taken_once(self, server: Server, application: str) -> None:
        """A second application of that name is refused with the contract's number 31."""
        with pytest.raises(Refused) as caught:
            server.application("bad-input")
        assert caught.value.code == "not_unique_name"

    def test_a_mutation_of_the_other_kind_errs(self, server: Server, application: str) -> None:
        """DeleteSystemAuthForRuntime does not delete an application's."""
        server.token(application)
        auths = server.administer(f'{{ result: application(id: "{application}") {{ auths {{ id }} }} }}')["auths"]
        with pytest.raises(Refused) as caught:
            server.administer(f'mutation {{ result: deleteSystemAuthForRuntime(authID: "{auths[0]["id"]}") {{ id }} }}')
        assert caught.value.code == "not_found"
