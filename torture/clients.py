"""What external systems and administrators do, step by step, over connections of the torture's own."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connector.client import make_csr, make_key
from torture.wire import Answer, Connection

CONNECTOR, DIRECTOR = "/connector/graphql", "/director/graphql"
REGISTER = "mutation ($name: String!) { result: registerApplication(in: {name: $name}) { id } }"
REQUEST = "mutation ($id: ID!) { result: requestOneTimeTokenForApplication(id: $id) { token } }"
CONFIGURATION = "{ result: configuration { token { token } certificateSigningRequestInfo { subject } } }"
POLL = "{ result: configuration { certificateSigningRequestInfo { subject } } }"
SIGN = "mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) { certificateChain } }"
MAKE_KEY = (
    "mutation ($name: String!, $tenant: ID!) "
    "{ result: createAPIKey(in: {name: $name, role: viewer, tenant: $tenant}) { secret } }"
)
REVOKE = "mutation ($serial: String!) { result: revokeCertificate(serial: $serial) { serial } }"


@dataclass(frozen=True, slots=True)
class Ready:
    """A token that is good for a signature, and the subject to ask for."""

    token: str
    subject: str


@dataclass(frozen=True, slots=True)
class Received:
    """A certificate as a client received it."""

    certificate: x509.Certificate
    chain: bytes

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the DER."""
        return self.certificate.fingerprint(SHA256())

    @property
    def serial(self) -> str:
        """As people write it."""
        return f"{self.certificate.serial_number:x}"

    def write(self, path: Path, key: EllipticCurvePrivateKey) -> str:
        """A file of the key and the chain."""
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + self.chain)
        return str(path)


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who calls the Director with an API key."""

    key: str
    tenant: str = "default"

    async def call(self, connection: Connection, query: str, **variables: str) -> Answer:
        """Ask the Director."""
        return await connection.post(DIRECTOR, query, variables, Authorization=f"Bearer {self.key}", Tenant=self.tenant)

    async def register(self, connection: Connection, name: str) -> str:
        """A new application's id."""
        return str((await self.call(connection, REGISTER, name=name)).result["id"])

    async def mint(self, connection: Connection, application: str) -> str:
        """A one-time token."""
        return str((await self.call(connection, REQUEST, id=application)).result["token"])

    async def viewer(self, connection: Connection, name: str) -> str:
        """A new key that may read this tenant, and no more."""
        return str((await self.call(connection, MAKE_KEY, name=name, tenant=self.tenant)).result["secret"])

    async def ready(self, connection: Connection, application: str) -> Ready:
        """A token that is good for a signature."""
        return await configure(connection, await self.mint(connection, application))


async def configure(connection: Connection, token: str) -> Ready:
    """Redeem a token for the configuration."""
    told = (await connection.post(CONNECTOR, CONFIGURATION, Connector_Token=token)).result
    return Ready(told["token"]["token"], told["certificateSigningRequestInfo"]["subject"])


async def sign(connection: Connection, ready: Ready, key: EllipticCurvePrivateKey | None = None) -> Answer:
    """Redeem a token for a certificate."""
    csr = b64encode(make_csr(key or make_key(), ready.subject)).decode()
    return await connection.post(CONNECTOR, SIGN, {"csr": csr}, Connector_Token=ready.token)


async def renew(connection: Connection, subject: str, key: EllipticCurvePrivateKey) -> Answer:
    """Ask for the next certificate, over a connection that shows the present one."""
    return await connection.post(CONNECTOR, SIGN, {"csr": b64encode(make_csr(key, subject)).decode()})


def received(answer: Answer) -> Received:
    """The certificate that an answer brings."""
    chain = b64decode(answer.result["certificateChain"])
    return Received(x509.load_pem_x509_certificates(chain)[0], chain)
