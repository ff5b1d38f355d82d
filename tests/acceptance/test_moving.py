"""Moving in from Compass, rehearsed: its database and its CA are imported, and its clients come with what they have.

One installation is moved for all tests of this file: 1 000 applications, 200 runtimes and 3 000 certificates, all of
them with the serial number 2. Of these, some call over mutual TLS, and all are judged by the code that judges callers.
"""

import asyncio
import json
import ssl
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.support.compass import (
    SUBJECT,
    CompassDatabase,
    OldCA,
    compass_database,
    make_token,
    signed_with_sha1,
    token_value,
    with_an_empty_rdn,
    write_revocations,
)
from tests.support.console import administrator, visitor
from tests.support.postgres import Postgres
from tests.support.server import Identity, Server, encoded, post
from torture.wire import Connection, trust

from connector.client import Refused, make_csr, make_key
from connector.client.trust import context
from connector.web.console.formats import grouped

APPLICATIONS, RUNTIMES, TENANTS, FORMATIONS = 1000, 200, 10, 4
CERTIFICATES, REVOKED = 3000, 60
CALLERS, AT_ONCE = 20, 16
FOLLOWED_SECONDS = 20.0
# Clients have stored the subject of their CSRs: it has to stay what it was.
SUBJECT_SETTINGS = {"CONNECTOR_SUBJECT__LOCALITY": SUBJECT["L"], "CONNECTOR_SUBJECT__PROVINCE": SUBJECT["ST"]}
# A connection stays open while a command runs, however busy the machine is.
SETTINGS = {**SUBJECT_SETTINGS, "CONNECTOR_LIMITS__IDLE_TIMEOUT": "2m"}
VIEWER = "{ result: viewer { id type } }"
CONFIGURATION = "{ result: configuration { certificateSigningRequestInfo { subject } } }"
SIGN = "mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) { certificateChain } }"
REVOKE = "mutation { result: revokeCertificate }"
CONNECTOR, DIRECTOR = "/connector/graphql", "/director/graphql"


@dataclass
class Moved:
    """What was moved: certificates by the id of their system auth."""

    server: Server
    there: CompassDatabase
    old: OldCA
    directory: Path
    owners: dict[str, str]
    living: list[tuple[str, x509.Certificate]]
    revoked: list[tuple[str, x509.Certificate]]
    first: Any = None
    token: str = ""
    spare: list[str] = field(default_factory=list)

    def take(self, *options: str) -> Any:
        """Import, with the server running."""
        done = self.server.command(
            "import",
            "compass",
            *("--database", self.there.url),
            *("--ca", str(self.directory / "old-ca")),
            *("--revocations", str(self.directory / "revocations.json")),
            "--json",
            *options,
        )
        return json.loads(done.stdout)

    def status(self) -> Any:
        return json.loads(self.server.command("import", "status", "--most", "5000", "--json").stdout)

    def identity(self, certificate: x509.Certificate, auth: str = "") -> Identity:
        return self.old.identity(self.directory, certificate, auth)

    def knows(self, certificate: x509.Certificate) -> str:
        """The subject that the server gives the holder; raises as a client does when it is refused."""
        with self.server.holder(self.identity(certificate)) as client:
            found: dict[str, Any] = client.query(self.server.mtls_connector, CONFIGURATION)
            return str(found["certificateSigningRequestInfo"]["subject"])

    def new_auth(self) -> str:
        """A system auth that nothing has happened to."""
        return self.spare.pop()


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, postgresql: Postgres) -> Iterator[Moved]:
    directory, old = tmp_path_factory.mktemp("moving"), OldCA()
    with compass_database(postgresql) as there, Server(directory / "server" / "data", SETTINGS) as server:
        owners = fill(there)
        auths = list(owners)
        spare, used = auths[:40], auths[40:]
        # The original renewed without revoking: a holder has several, each from another moment.
        certificates = [(each, old.issue(each, begins=timedelta(-1, -age))) for each in used for age in range(2)]
        certificates = certificates[:CERTIFICATES]
        assert len(certificates) == CERTIFICATES
        revoked, living = certificates[:REVOKED], certificates[REVOKED:]
        moved = Moved(server, there, old, directory, owners, living, revoked, spare=spare)
        moved.token = make_token()
        there.auth(
            there.connection.execute("SELECT tenant_id FROM tenant_applications LIMIT 1").fetchall()[0][0],
            token_value(moved.token),
            app_id=there.connection.execute("SELECT id FROM tenant_applications LIMIT 1").fetchall()[0][0],
        )
        old.write(directory / "old-ca")
        write_revocations(directory / "revocations.json", *(each for _, each in revoked))
        moved.first = moved.take()
        wait_until_trusted(moved)
        yield moved


def fill(there: CompassDatabase) -> dict[str, str]:
    """The tables of an installation: the owners by their system auths."""
    tenants = [there.tenant(f"tenant-{number}") for number in range(TENANTS)]
    for tenant in tenants:
        for number in range(FORMATIONS):
            there.formation(tenant, f"formation-{number}")
    owners: dict[str, str] = {}
    with there.connection.transaction(), there.connection.pipeline():
        for kind, column, number in (("application", "app_id", APPLICATIONS), ("runtime", "runtime_id", RUNTIMES)):
            for each in range(number):
                tenant, name = tenants[each % TENANTS], f"{kind}-{each}"
                made = there.application(tenant, name) if kind == "application" else there.runtime(tenant, name)
                there.label(
                    "scenarios", [f"formation-{each // TENANTS % FORMATIONS}"], **{column: made}, tenant_id=tenant
                )
                there.label("stage", "production", **{column: made})
                for _ in range(1 if each % 3 else 2):
                    owners[there.auth(tenant, {"CertCommonName": "x"}, **{column: made})] = made
    return owners


def wait_until_trusted(moved: Moved) -> None:
    """The server follows the records of issuers within two seconds."""
    deadline = time.monotonic() + FOLLOWED_SECONDS
    while time.monotonic() < deadline:
        try:
            moved.knows(moved.living[0][1])
        except httpx2.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(moved.server.log.read_text())


def test_the_first_import_takes_everything(moved: Moved) -> None:
    """All applications, runtimes, formations, assignments and system auths are taken, and nothing is left unsaid."""
    taken = {row["kind"]: row["taken"] for row in moved.first["counts"]}
    assert taken["tenant"] == TENANTS
    assert taken["formation"] == TENANTS * FORMATIONS
    assert (taken["application"], taken["runtime"]) == (APPLICATIONS, RUNTIMES)
    assert taken["assignment"] == APPLICATIONS + RUNTIMES
    assert taken["system auth"] == len(moved.owners) + 1
    assert (taken["token"], taken["revocation"], taken["issuer"]) == (1, REVOKED, 1)
    assert moved.first["notes"] == []


def test_a_token_of_compass_is_good_once(moved: Moved, tmp_path: Path) -> None:
    """A token that was pending there leads to a certificate here, once; its system auth is the common name."""
    identity = moved.server.enroll(moved.token, tmp_path / "enrolled")
    (leaf, *_) = x509.load_pem_x509_certificates(identity.chain.read_bytes())
    (name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    found = moved.there.connection.execute("SELECT count(*) FROM system_auths WHERE id = %s", (name.value,)).fetchall()
    assert found == [(1,)]
    with pytest.raises(Refused) as refused, moved.server.bearer(moved.token) as client:
        client.configuration(moved.server.public_connector)
    assert refused.value.code == "token_spent"


def test_holders_call_renew_and_leave_the_old_ca(moved: Moved) -> None:
    """A holder calls with the certificate that it has, is known as its own system auth, renews into our own CA with the
    same subject and key, calls with the new certificate, and revokes it; then only that one is refused.
    """
    for auth, certificate in moved.living[1 : CALLERS + 1]:
        identity = moved.identity(certificate, auth)
        with moved.server.holder(identity) as client:
            assert client.query(moved.server.mtls_director, VIEWER)["id"] == moved.owners[auth]
            assert moved.knows(certificate) == identity.subject
            chain = client.sign(moved.server.mtls_connector, make_csr(moved.old.client_key, identity.subject))
        leaf, issuing = x509.load_pem_x509_certificates(chain)
        leaf.verify_directly_issued_by(issuing)
        assert issuing.subject != moved.old.subject
        assert leaf.serial_number != 2
        new = Identity(moved.directory / f"new-{auth}.pem", identity.key, identity.subject)
        new.chain.write_bytes(chain)
        with moved.server.holder(new) as client:
            assert client.query(moved.server.mtls_director, VIEWER)["id"] == moved.owners[auth]
            assert client.query(moved.server.mtls_connector, REVOKE)
            with pytest.raises(Refused) as refused:
                client.query(moved.server.mtls_director, VIEWER)
            assert refused.value.code == "certificate_revoked"
        assert moved.knows(certificate) == identity.subject


def test_everybody_calls_renews_and_is_revoked(moved: Moved) -> None:
    """Over the wire, each of the living certificates is its holder's; each holder renews into our own CA, is itself by
    the new certificate, and after revoking that it is refused. None of the revoked certificates gets in.
    """
    for _, certificate in moved.revoked:
        with pytest.raises(Refused) as refused:
            moved.knows(certificate)
        assert refused.value.code == "certificate_revoked"
    renewing = dict(moved.living)  # a holder has several certificates, and renews one
    gate = asyncio.Semaphore(AT_ONCE)

    async def life(auth: str, certificate: x509.Certificate) -> None:
        async with gate:
            await call(moved, auth, certificate, renews=renewing[auth] is certificate)

    async def lives() -> None:
        await asyncio.gather(*(life(*each) for each in moved.living))

    asyncio.run(lives())
    assert moved.status()["seen"] >= len(renewing)


async def call(moved: Moved, auth: str, certificate: x509.Certificate, *, renews: bool) -> None:
    """A holder's life with the certificate of the old CA."""
    identity = moved.identity(certificate, auth)
    holder = speaker(moved, identity.chain.read_bytes(), auth)
    assert (await holder.post(DIRECTOR, VIEWER)).result["id"] == moved.owners[auth]
    if renews:
        csr = encoded(make_csr(moved.old.client_key, identity.subject))
        chain = b64decode((await holder.post(CONNECTOR, SIGN, {"csr": csr})).result["certificateChain"])
        renewed = speaker(moved, chain, auth)
        assert (await renewed.post(DIRECTOR, VIEWER)).result["id"] == moved.owners[auth]
        assert (await renewed.post(CONNECTOR, REVOKE)).result is True
        assert (await renewed.post(DIRECTOR, VIEWER)).code == "certificate_revoked"
        renewed.close()
    holder.close()


def speaker(moved: Moved, chain: bytes, auth: str) -> Connection:
    """A connection with a certificate for the holders' one key."""
    path = moved.directory / f"speaker-{auth}.pem"
    path.write_bytes(chain + (moved.directory / "old-client.key").read_bytes())
    return Connection(moved.server.urls["mtls"], trust(moved.server.root, str(path)))


def test_a_second_import_doubles_nothing(moved: Moved) -> None:
    """Everything is known at the second import, while holders come and go."""
    again = moved.take()
    assert {row["kind"]: row["taken"] for row in again["counts"] if row["taken"]} == {}
    known = {row["kind"]: row["known"] for row in again["counts"]}
    assert (known["application"], known["runtime"]) == (APPLICATIONS, RUNTIMES)
    listed = moved.server.command("application", "list", "--tenant", "tenant-0", "--json")
    assert len(json.loads(listed.stdout)) == APPLICATIONS // TENANTS


def test_a_revocation_that_comes_later_ends_what_was_adopted(moved: Moved) -> None:
    """A certificate that was adopted, and that Compass revoked since, is refused after the next import."""
    auth = moved.new_auth()
    certificate = moved.old.issue(auth)
    assert moved.knows(certificate).endswith(f"CN={auth}")
    write_revocations(moved.directory / "revocations.json", *(each for _, each in moved.revoked), certificate)
    moved.take()
    with pytest.raises(Refused) as refused:
        moved.knows(certificate)
    assert refused.value.code == "certificate_revoked"


def hostile(moved: Moved) -> dict[str, x509.Certificate]:
    """Certificates of the old CA that are nobody's."""
    first, second = moved.new_auth(), moved.new_auth()
    own = moved.server.token(moved.server.application(f"own-{uuid4()}"))
    ours = str(json.loads(moved.server.command("application", "list", "--json").stdout)[0]["id"])
    issue = moved.old.issue
    with moved.server.bearer(own) as client:
        made_here = client.configuration(moved.server.public_connector).subject.rpartition("CN=")[2]
    one_rdn = x509.RelativeDistinguishedName(
        [x509.NameAttribute(NameOID.COMMON_NAME, first), x509.NameAttribute(NameOID.COMMON_NAME, second)]
    )
    odd = x509.NameAttribute(NameOID.COMMON_NAME, first, _type=x509.name._ASN1Type.BMPString)  # noqa: SLF001
    return {
        "two common names": issue(first, second),
        "the same common name twice": issue(first, first),
        "two common names in one RDN": issue(subject=x509.Name([one_rdn])),
        "no common name": issue(),
        "an empty relative name behind the common name": with_an_empty_rdn(moved.old, issue(first)),
        "a common name in another string type": issue(subject=x509.Name([odd])),
        "a common name in capitals": issue(first.upper()),
        "a common name with a blank": issue(f" {first}"),
        "a common name with a NUL": issue(f"{first}\0"),
        "an application's id": issue(moved.owners[first]),
        "a name that nobody has": issue(str(uuid4())),
        "an application that was registered here": issue(ours),
        "a system auth that was made here": issue(made_here),
    }


def test_a_certificate_that_is_nobodys_gets_nowhere(moved: Moved) -> None:
    """A certificate of the old CA with two common names, none, one in a strange encoding, or one that is no system auth
    that was taken over, is unknown at every door; what was made here is out of the old CA's reach.
    """
    for what, certificate in hostile(moved).items():
        with pytest.raises(Refused) as refused:
            moved.knows(certificate)
        assert (what, refused.value.code) == (what, "certificate_unknown")
        with moved.server.holder(moved.identity(certificate)) as client, pytest.raises(Refused) as refused:
            client.query(moved.server.mtls_director, VIEWER)
        assert (what, refused.value.code) == (what, "certificate_unknown")


def test_a_system_auth_that_was_deleted_lets_nobody_in(moved: Moved) -> None:
    """Deleting a system auth ends its adopted certificates, and those of it that come for the first time afterwards,
    after another import too.
    """
    auth = moved.new_auth()
    seen, unseen = moved.old.issue(auth), moved.old.issue(auth, begins=timedelta(-2))
    assert moved.knows(seen).endswith(f"CN={auth}")
    delete = "mutation ($id: ID!) { result: deleteSystemAuthForApplication(authID: $id) { id } }"
    moved.server.administer(delete, {"id": auth}, tenant=tenant_of(moved, auth))
    moved.take()
    for certificate, code in ((seen, "certificate_revoked"), (unseen, "certificate_unknown")):
        with pytest.raises(Refused) as refused:
            moved.knows(certificate)
        assert refused.value.code == code


def tenant_of(moved: Moved, auth: str) -> str:
    statement = """SELECT external_tenant FROM business_tenant_mappings
        JOIN system_auths ON tenant_id = business_tenant_mappings.id WHERE system_auths.id = %s"""
    return str(moved.there.connection.execute(statement, (auth,)).fetchall()[0][0])


def test_tls_refuses_what_the_old_ca_did_not_sign_or_what_is_not_valid(moved: Moved, tmp_path: Path) -> None:
    """With an expired certificate, one that is not valid yet, one of a CA with the same name and another key, one below
    a client's certificate, and one signed with SHA-1 the handshake fails.
    """
    auth = moved.new_auth()
    twin = OldCA()
    below = OldCA(name="No CA", is_ca=False, below=moved.old)
    refused = {
        "expired": (moved.old, moved.old.issue(auth, begins=timedelta(-9), ends=timedelta(-1))),
        "not valid yet": (moved.old, moved.old.issue(auth, begins=timedelta(1))),
        "of a twin": (twin, twin.issue(auth)),
        "below a client": (below, below.issue(auth)),
        "SHA-1": (moved.old, signed_with_sha1(moved.old, moved.old.issue(auth))),
    }
    for number, (what, (ca, certificate)) in enumerate(refused.items()):
        directory = tmp_path / str(number)
        directory.mkdir()
        identity = ca.identity(directory, certificate, auth)
        if what == "below a client":
            identity.chain.write_bytes(identity.chain.read_bytes() + moved.old.certificate.public_bytes(Encoding.PEM))
        context = ssl.create_default_context(cadata=moved.server.root.decode())
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # whatever is presented, it is the server that refuses
        context.load_cert_chain(identity.chain, identity.key)
        with httpx2.Client(verify=context) as client, pytest.raises(httpx2.HTTPError):
            client.post(moved.server.mtls_connector, json={"query": CONFIGURATION})


def test_a_holder_asks_for_no_other_name(moved: Moved) -> None:
    """The holder of an adopted certificate renews under its own system auth alone."""
    auth, other = moved.new_auth(), moved.new_auth()
    identity = moved.identity(moved.old.issue(auth), other)
    with moved.server.holder(identity) as client, pytest.raises(Refused) as refused:
        client.sign(moved.server.mtls_connector, make_csr(make_key(), identity.subject))
    assert refused.value.code == "csr_subject_mismatch"


def test_an_adopted_certificate_is_named_by_its_fingerprint_too(moved: Moved) -> None:
    """All have the serial number 2: that alone names none of them, so that nobody revokes another's by it."""
    auth = moved.new_auth()
    certificate = moved.old.issue(auth)
    moved.knows(certificate)
    handle = f"2-{certificate.fingerprint(SHA256()).hex()[:32]}"
    assert moved.server.command("certificate", "revoke", "2", check=False).returncode == 5
    shown = json.loads(moved.server.command("certificate", "show", handle, "--json").stdout)
    assert (shown["systemAuth"], shown["state"]) == (auth, "issued")
    moved.server.command("certificate", "revoke", handle)
    with pytest.raises(Refused) as refused:
        moved.knows(certificate)
    assert refused.value.code == "certificate_revoked"


def test_a_subject_that_clients_do_not_have_is_warned_of(moved: Moved) -> None:
    """Where the settings of the subject differ from a client's certificate, a dry run and a run say so, with both
    values and what to set; where they are the same, neither says anything.
    """
    path = moved.directory / "client.pem"
    path.write_bytes(moved.living[0][1].public_bytes(Encoding.PEM))
    assert moved.take("--dry-run", "--certificate", str(path))["warnings"] == []
    assert moved.take("--dry-run")["warnings"] == []
    names = [(NameOID.COUNTRY_NAME, "PL"), (NameOID.LOCALITY_NAME, SUBJECT["L"])]
    names += [(NameOID.STATE_OR_PROVINCE_NAME, SUBJECT["ST"]), (NameOID.ORGANIZATION_NAME, SUBJECT["O"])]
    names += [(NameOID.ORGANIZATIONAL_UNIT_NAME, SUBJECT["OU"])]
    other = moved.old.issue(subject=x509.Name([x509.NameAttribute(*each) for each in names]))
    path.write_bytes(other.public_bytes(Encoding.PEM))
    for options in (["--dry-run"], []):
        (said,) = moved.take("--certificate", str(path), *options)["warnings"]
        assert "subject.country is 'DE' here and 'PL' in the client's certificate" in said
        assert 'set country = "PL"' in said
    path.write_bytes(b"none")
    with pytest.raises(subprocess.CalledProcessError):
        moved.take("--dry-run", "--certificate", str(path))


def test_the_status_says_who_is_on_the_old_ca(moved: Moved) -> None:
    """The status counts each system auth that was taken and names those that have not renewed; while some have not
    come, it gives no date for the old CA's end but that of the CA itself.
    """
    auth = moved.new_auth()
    unseen = moved.new_auth()
    moved.knows(moved.old.issue(auth))
    told = moved.status()
    names = {each["systemAuth"]: each for each in told["waiting"]}
    assert (names[auth]["state"], names[unseen]["state"]) == ("on the old CA", "unseen")
    assert names[auth]["notAfter"] is not None
    assert told["seen"] == told["renewed"] + told["onTheOldCA"] + told["ended"]
    assert told["unseen"] > 0
    assert told["oldCACanEndOn"] is None
    assert told["oldCAExpiresOn"] == f"{moved.old.certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    assert len(told["oldCAs"]) == 1
    administrator(moved.server, "mover", "viewer")
    with visitor(moved.server, "mover") as guest:
        page = guest.get("/console/move")
        assert page.status_code == 200
        for number in (told["unseen"], told["onTheOldCA"], told["renewed"]):
            assert f'class="num">{grouped(number)}</td>' in page.text
        assert "Next page" in page.text
        assert 'href="/console/move"' in guest.get("/console/ca").text
    ended = moved.server.command("import", "end", check=False)
    assert ended.returncode == 3
    assert "--force" in ended.stderr


def test_the_old_ca_ends_when_it_is_told(moved: Moved) -> None:
    """After its end the old CA lets nobody in: at once over a connection that is open, over a new one within two
    seconds, and without a restart; the command warns if gateways may still bring its certificates in. No import
    brings it back. It runs last in this file.
    """
    auth, certificate = moved.living[-1]
    identity = moved.identity(certificate)
    verify = context(moved.server.root, (identity.chain, identity.key))
    with httpx2.Client(verify=verify, limits=httpx2.Limits(keepalive_expiry=None), timeout=60) as client:
        assert post(client, moved.server.mtls_director, VIEWER).json()["data"]["result"]["id"] == moved.owners[auth]
        moved.server.settings = {**SETTINGS, "CONNECTOR_GATEWAYS__SUBJECT_RULE": "true"}
        ended = moved.server.command("import", "end", "--force")
        assert "Warning: gateways.subject_rule is on" in ended.stderr
        (refused,) = post(client, moved.server.mtls_director, VIEWER).json()["errors"]
        assert refused["extensions"]["error"] == "certificate_revoked"
    deadline = time.monotonic() + FOLLOWED_SECONDS
    while time.monotonic() < deadline:
        try:
            moved.knows(certificate)
        except httpx2.HTTPError:
            break
        except Refused:
            time.sleep(0.2)
    again = moved.take()
    assert [(each["kind"], each["outcome"]) for each in again["notes"] if each["kind"] == "issuer"] == [
        ("issuer", "left")
    ]
    with pytest.raises(httpx2.HTTPError):
        moved.knows(certificate)
