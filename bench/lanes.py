"""What is measured: each lane is one operation on one server. Its inputs are prepared before they are counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Protocol, cast
from uuid import uuid4

from cryptography import x509
from cryptography.x509 import ocsp

from bench import clients
from bench.clients import Identity
from bench.connection import Address, BadAnswerError, Connection
from bench.openbao import OpenBao
from bench.server import Server

HOLDERS = 32
SIGNING, ONBOARDING = "signing", "onboarding"
ACCESS = "access token"
LEGACY = "legacy REST"
VERDICT = "verdict"
STATUS = "OCSP"
IDENTITY = "identity token"
CERTIFICATES = 10_000
RENEWAL, CONFIGURATION = "renewal, mTLS", "configuration, mTLS"


class Lane(Protocol):
    """One operation on one server.

    ``on`` names the server. The processor time of ``pid`` and its descendants is the operation's; that of
    ``database_pid`` and its descendants is accounted apart.
    """

    what: str
    on: str

    @property
    def pid(self) -> int:
        """The server's first process."""

    @property
    def database_pid(self) -> int | None:
        """The database's first process, where it has one of its own."""

    async def prepare(self, count: int) -> Sequence[object]:
        """The inputs of so many operations."""

    async def open(self, count: int) -> Sequence[object]:
        """So many clients. They do one operation at a time each."""

    async def do(self, client: object, item: object) -> object:
        """One operation."""

    def close(self, opened: Sequence[object]) -> None:
        """Let the clients go."""


@dataclass(slots=True)
class KeptAlive:
    """What lanes share whose clients keep their connection."""

    what: str
    on: str

    def address(self) -> Address:
        """Where to connect."""
        raise NotImplementedError

    async def open(self, count: int) -> Sequence[object]:
        """Connect so many clients."""
        address = self.address()
        return [await address.open() for _ in range(count)]

    async def do(self, client: object, item: object) -> object:
        """Send the prepared request."""
        assert isinstance(client, Connection)
        assert isinstance(item, bytes)
        return await client.send(item)

    def close(self, opened: Sequence[object]) -> None:
        """Close the connections."""
        for connection in opened:
            assert isinstance(connection, Connection)
            connection.close()


@dataclass(slots=True)
class OpenBaoSigning(KeptAlive):
    """Signing by OpenBao: the same CSRs, over the same kind of connection."""

    bao: OpenBao

    @property
    def pid(self) -> int:
        """OpenBao's process."""
        return self.bao.pid

    @property
    def database_pid(self) -> int | None:
        """It has its storage in its own process."""
        return None

    def address(self) -> Address:
        """Where OpenBao listens."""
        return self.bao.address()

    async def prepare(self, count: int) -> Sequence[object]:
        """A request for each CSR."""
        return [self.bao.signing(clients.new_csr(clients.subject(str(uuid4())))) for _ in range(count)]


@dataclass(slots=True)
class Signing(KeptAlive):
    """Signing with a token: read, checked, signed, the token redeemed, the certificate and the audit stored."""

    server: Server
    database_pid: int | None = None

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.server.pid

    def address(self) -> Address:
        """The public listener."""
        return self.server.address("public", self.server.context())

    async def prepare(self, count: int) -> Sequence[object]:
        """A token and a CSR for each, in one request."""
        return [
            clients.signing(prepared.secret, clients.new_csr(clients.subject(prepared.system_auth_id)))
            for prepared in self.server.database.hand_over(count)
        ]


@dataclass(slots=True)
class LegacySigning(Signing):
    """The same by the legacy REST API, with the token in the URL."""

    async def prepare(self, count: int) -> Sequence[object]:
        """A token and a CSR for each, in one request."""
        return [
            clients.legacy_signing(prepared.secret, clients.new_csr(clients.subject(prepared.system_auth_id)))
            for prepared in self.server.database.hand_over(count)
        ]


@dataclass(slots=True)
class Access(Signing):
    """An access token for client credentials: the secret compared, the token stored, the client's oldest removed."""

    async def prepare(self, count: int) -> Sequence[object]:
        """The requests of a few clients, in turns."""
        made = self.server.database.let_in(HOLDERS)
        return list(islice(cycle(clients.access_token(each.system_auth_id, each.secret) for each in made), count))


@dataclass(slots=True)
class Verdict(Signing):
    """A gateway's question about a certificate: its header read, the certificate and its owner looked up."""

    def address(self) -> Address:
        """The internal listener."""
        return self.server.address("internal", None)

    async def prepare(self, count: int) -> Sequence[object]:
        """Questions about many certificates, in turns, so that the database does not read the same page again."""
        made = self.server.database.certify(min(count, CERTIFICATES))
        return list(islice(cycle(clients.verdict(each.der) for each in made), count))


@dataclass(slots=True)
class Status(Signing):
    """A verifier's question about a certificate: its status looked up, and the answer signed."""

    def address(self) -> Address:
        """The pki listener."""
        return self.server.address("pki", None)

    async def prepare(self, count: int) -> Sequence[object]:
        """Questions about many certificates, in turns."""
        issuer = x509.load_pem_x509_certificate((self.server.data / "ca" / "issuing.pem").read_bytes())
        made = self.server.database.certify(min(count, CERTIFICATES))
        return list(islice(cycle(clients.ocsp_request(issuer, each.serial) for each in made), count))

    async def do(self, client: object, item: object) -> object:
        """Ask; the answer must be that the certificate is good."""
        answer = ocsp.load_der_ocsp_response(cast("bytes", await KeptAlive.do(self, client, item)))
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise BadAnswerError(answer.response_status.name)
        if answer.certificate_status is not ocsp.OCSPCertStatus.GOOD:
            raise BadAnswerError(answer.certificate_status.name)
        return answer


@dataclass(slots=True)
class Onboarding(Signing):
    """All that an enrollment takes: an administrator's token request, the configuration, the signing."""

    async def prepare(self, count: int) -> Sequence[object]:
        """The request for a token of each application. The other two need what the former answered."""
        administrator = self.server.administers()
        return [
            clients.token_request(application, administrator) for application in self.server.database.register(count)
        ]

    async def do(self, client: object, item: object) -> object:
        """Three requests; the key and the CSR between them are made here, as a client would."""
        assert isinstance(client, Connection)
        assert isinstance(item, bytes)
        token = clients.result(await client.send(item))["token"]
        told = clients.result(await client.send(clients.configuration(token)))
        csr = clients.new_csr(told["certificateSigningRequestInfo"]["subject"])
        return await client.send(clients.signing(told["token"]["token"], csr))


@dataclass(slots=True)
class Holder:
    """A client that holds a certificate. It keeps no connection."""

    identity: Identity
    address: Address

    async def send(self, octets: bytes) -> bytes:
        """Connect with a full handshake, ask, hang up."""
        connection = await self.address.open()
        try:
            return await connection.send(octets)
        finally:
            connection.close()


@dataclass(slots=True)
class Mutual:
    """Configuration over mutual TLS, each time over a fresh connection with a full handshake."""

    what: str
    on: str
    server: Server
    directory: Path
    database_pid: int | None = None
    holders: list[Holder] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.server.pid

    async def prepare(self, count: int) -> Sequence[object]:
        """A holder and its request, in turns."""
        if not self.holders:
            await self._enroll()
        turns = islice(cycle(self.holders), count)
        return [(holder, self.octets(holder)) for holder in turns]

    def octets(self, _: Holder) -> bytes:
        """The request of a holder."""
        return clients.poll()

    async def open(self, count: int) -> Sequence[object]:
        """So many at a time; there is nothing to open yet."""
        return range(count)

    async def do(self, _: object, item: object) -> object:
        """Connect, ask, hang up."""
        holder, octets = cast("tuple[Holder, bytes]", item)
        return await holder.send(octets)

    def close(self, opened: Sequence[object]) -> None:
        """There is nothing open."""

    async def _enroll(self) -> None:
        connection = await self.server.address("public", self.server.context()).open()
        for secret, system_auth_id in self.server.database.hand_over(HOLDERS):
            context, text = self.server.context(), clients.subject(system_auth_id)
            identity = await clients.enroll(secret, text, context, self.directory, connection.send)
            self.holders.append(Holder(identity, self.server.address("mtls", context)))
        connection.close()


@dataclass(slots=True)
class IdentityToken(Mutual):
    """An identity token over mutual TLS, over kept connections: the certificate judged, the token signed."""

    async def prepare(self, count: int) -> Sequence[object]:
        """The same request each time; the connections tell who asks."""
        if not self.holders:
            await self._enroll()
        return [clients.identity_token()] * count

    async def open(self, count: int) -> Sequence[object]:
        """Connect, with the holders' certificates in turns."""
        return [await holder.address.open() for holder in islice(cycle(self.holders), count)]

    async def do(self, client: object, item: object) -> object:
        """Ask."""
        return await cast("Connection", client).send(cast("bytes", item))

    def close(self, opened: Sequence[object]) -> None:
        """Close the connections."""
        for connection in opened:
            cast("Connection", connection).close()


@dataclass(slots=True)
class Renewal(Mutual):
    """Renewal over mutual TLS: the next certificate, for a new key. The former stays good until it expires."""

    def octets(self, holder: Holder) -> bytes:
        """A CSR for a new key."""
        return clients.renewal(clients.new_csr(holder.identity.subject))
