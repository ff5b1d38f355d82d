"""A Compass installation to move from: its database, made by the facts of its tables, and its CA."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from typing import Any
from uuid import uuid4

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.support.postgres import Postgres
from tests.support.server import Identity

from connector.pki import der

SCHEMA = """
CREATE TYPE tenant_status AS ENUM ('Active', 'Inactive');
CREATE TYPE tenant_type AS ENUM ('unknown', 'account', 'customer', 'subaccount', 'organization', 'folder',
                                 'resource-group', 'cost-object');
CREATE TYPE application_status_condition AS ENUM ('INITIAL', 'CONNECTED', 'FAILED', 'CREATING', 'CREATE_FAILED',
    'CREATE_SUCCEEDED', 'UPDATING', 'UPDATE_FAILED', 'UPDATE_SUCCEEDED', 'DELETING', 'DELETE_FAILED',
    'DELETE_SUCCEEDED', 'UNPAIRING', 'UNPAIR_FAILED');
CREATE TYPE runtime_status_condition AS ENUM ('INITIAL', 'PROVISIONING', 'CONNECTED', 'FAILED');
CREATE TABLE business_tenant_mappings (
    id uuid PRIMARY KEY, external_name varchar(256), external_tenant varchar(256) UNIQUE CHECK (external_tenant <> ''),
    provider_name varchar(256), status tenant_status, type tenant_type NOT NULL, created_at timestamp,
    updated_at timestamp);
CREATE TABLE tenant_parents (tenant_id uuid NOT NULL, parent_id uuid NOT NULL, PRIMARY KEY (tenant_id, parent_id));
CREATE TABLE integration_systems (id uuid PRIMARY KEY, name varchar(255) NOT NULL, description text);
CREATE TABLE applications (
    id uuid PRIMARY KEY, name varchar(256) NOT NULL, description text,
    status_condition application_status_condition NOT NULL DEFAULT 'INITIAL',
    status_timestamp timestamp NOT NULL DEFAULT now(), healthcheck_url varchar(256),
    integration_system_id uuid REFERENCES integration_systems (id), provider_name varchar(256), base_url varchar(512),
    labels jsonb, ready boolean DEFAULT true, created_at timestamp DEFAULT now(), updated_at timestamp,
    deleted_at timestamp, error jsonb, app_template_id uuid, correlation_ids jsonb, system_number varchar(256) UNIQUE,
    documentation_labels jsonb, system_status text, local_tenant_id varchar(256), application_namespace varchar(256),
    tags jsonb);
CREATE TABLE runtimes (
    id uuid PRIMARY KEY, name varchar(256) NOT NULL, description text,
    status_condition runtime_status_condition NOT NULL DEFAULT 'INITIAL',
    status_timestamp timestamp NOT NULL DEFAULT now(), creation_timestamp timestamp DEFAULT now(),
    application_namespace varchar(256));
CREATE TABLE tenant_applications (
    tenant_id uuid NOT NULL, id uuid NOT NULL REFERENCES applications (id) ON DELETE CASCADE, owner boolean,
    source uuid NOT NULL, PRIMARY KEY (tenant_id, id, source));
CREATE TABLE tenant_runtimes (
    tenant_id uuid NOT NULL, id uuid NOT NULL REFERENCES runtimes (id) ON DELETE CASCADE, owner boolean,
    source uuid NOT NULL, PRIMARY KEY (tenant_id, id, source));
CREATE TABLE labels (
    id uuid PRIMARY KEY, tenant_id uuid, app_id uuid REFERENCES applications (id) ON DELETE CASCADE,
    runtime_id uuid REFERENCES runtimes (id) ON DELETE CASCADE, runtime_context_id uuid, app_template_id uuid,
    webhook_id uuid, formation_template_id uuid, key varchar(256) NOT NULL, value jsonb, version integer,
    CHECK (num_nonnulls(app_id, runtime_id, runtime_context_id) <= 1),
    CHECK (key <> 'scenarios' OR tenant_id IS NOT NULL));
CREATE INDEX ON labels (app_id);
CREATE TABLE label_definitions (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, key varchar(256) NOT NULL, schema jsonb,
    version integer);
CREATE TABLE system_auths (
    id uuid PRIMARY KEY, tenant_id uuid, app_id uuid REFERENCES applications (id) ON DELETE CASCADE,
    runtime_id uuid REFERENCES runtimes (id) ON DELETE CASCADE,
    integration_system_id uuid REFERENCES integration_systems (id) ON DELETE CASCADE, value jsonb,
    CONSTRAINT one_owner CHECK (num_nonnulls(app_id, runtime_id, integration_system_id) = 1));
CREATE INDEX ON system_auths (app_id);
CREATE TABLE formations (
    id uuid PRIMARY KEY, tenant_id uuid, formation_template_id uuid NOT NULL, name varchar(256) NOT NULL,
    state text NOT NULL, error jsonb, last_state_change_timestamp timestamp,
    last_notification_sent_timestamp timestamp);
"""

SUBJECT = {"O": "Org", "OU": "OrgUnit", "L": "Locality", "ST": "State", "C": "DE"}
_OIDS = {
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
}


@dataclass(frozen=True, slots=True)
class CompassDatabase:
    """The database, open for changes."""

    url: str
    connection: psycopg.Connection[tuple[Any, ...]]

    def run(self, statement: str, *values: object) -> None:
        self.connection.execute(statement.encode(), values or None)

    def insert(self, table: str, **values: object) -> str:
        """A row, whose id is made where the table has one and none is given: the id."""
        columns = ", ".join(values)
        statement = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(values))})"  # noqa: S608 - ours
        self.run(statement, *values.values())
        return str(values.get("id", ""))

    def tenant(self, external: str, **values: object) -> str:
        given: dict[str, object] = {"external_name": f"Tenant {external}", "status": "Active", "type": "account"}
        return self.insert("business_tenant_mappings", id=str(uuid4()), external_tenant=external, **{**given, **values})

    def application(self, tenant: str, name: str, **values: object) -> str:
        return self._entity("application", tenant, name, **values)

    def runtime(self, tenant: str, name: str, **values: object) -> str:
        return self._entity("runtime", tenant, name, **values)

    def _entity(self, kind: str, tenant: str, name: str, **values: object) -> str:
        id_ = self.insert(f"{kind}s", **{"id": str(uuid4()), "name": name, **values})
        self.insert(f"tenant_{kind}s", tenant_id=tenant, id=id_, owner=True, source=tenant)
        return id_

    def label(self, key: str, value: object, **owner: object) -> None:
        self.insert("labels", id=str(uuid4()), key=key, value=json.dumps(value), version=0, **owner)

    def formation(self, tenant: str, name: str) -> str:
        return self.insert(
            "formations",
            id=str(uuid4()),
            tenant_id=tenant,
            formation_template_id=str(uuid4()),
            name=name,
            state="READY",
        )

    def auth(self, tenant: str | None, value: object = None, **owner: object) -> str:
        text = None if value is None else json.dumps(value)
        return self.insert("system_auths", **{"id": str(uuid4()), **owner}, tenant_id=tenant, value=text)


@contextmanager
def compass_database(postgresql: Postgres) -> Iterator[CompassDatabase]:
    """An empty database with the tables of Compass that an import reads."""
    with postgresql.database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        yield CompassDatabase(url, connection)


def make_token() -> str:
    """A one-time token as Compass makes one."""
    return urlsafe_b64encode(token_bytes(64)).decode()


def token_value(text: str, *, used: bool = False, expires: datetime | None = None, kind: str = "Application") -> object:
    """What a system auth there holds of a token."""
    now = datetime.now(UTC)
    return {
        "Credential": {"Basic": None, "Oauth": None, "CertificateOAuth": None},
        "AccessStrategy": None,
        "CertCommonName": "",
        "OneTimeToken": {
            "Token": text,
            "ConnectorURL": "https://connector.example/graphql",
            "Type": kind,
            "CreatedAt": now.isoformat().replace("+00:00", "123Z"),
            "Used": used,
            "ExpiresAt": (expires or now + timedelta(minutes=4)).isoformat().replace("+00:00", "Z"),
            "UsedAt": "0001-01-01T00:00:00Z",
            "ScenarioGroups": None,
        },
    }


def go_name(common_names: Sequence[str]) -> x509.Name:
    """A subject as it came from a client's CSR, with these common names."""
    parts = [x509.NameAttribute(oid, SUBJECT[key]) for key, oid in _OIDS.items()]
    parts += [x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common_names]
    return x509.Name(parts)


@dataclass
class OldCA:
    """The CA of a Compass installation: it gives every certificate the serial number 2, and no extension."""

    name: str = "Compass CA"
    bits: int = 2048
    is_ca: bool = True
    below: "OldCA | None" = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=self.bits)

    @cached_property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    @cached_property
    def certificate(self) -> x509.Certificate:
        above = self.below or self
        builder = x509.CertificateBuilder(
            above.subject, self.subject, self.key.public_key(), 1, self.now - timedelta(900), self.now + timedelta(900)
        )
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=False,
            content_commitment=False,
            key_encipherment=True,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=self.is_ca, path_length=None), critical=True)
        return builder.add_extension(usage, critical=True).sign(above.key, SHA256())

    @cached_property
    def client_key(self) -> rsa.RSAPrivateKey:
        """One key for all clients: to make one for each would take longer than all tests."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def issue(
        self,
        *common_names: str,
        subject: x509.Name | None = None,
        begins: timedelta = timedelta(-1),
        ends: timedelta = timedelta(90),
        algorithm: HashAlgorithm | None = None,
    ) -> x509.Certificate:
        """A client's certificate, as Compass makes one."""
        return x509.CertificateBuilder(
            self.subject,
            subject or go_name(common_names),
            self.client_key.public_key(),
            2,
            self.now + begins,
            self.now + ends,
        ).sign(self.key, algorithm or SHA256())

    def identity(self, directory: Path, certificate: x509.Certificate, common_name: str = "") -> Identity:
        """The certificate with the CA's and its key, in files."""
        name = sha256(certificate.public_bytes(Encoding.DER)).hexdigest()[:12]
        chain, key = directory / f"{name}.pem", directory / "old-client.key"
        chain.write_bytes(pem(certificate) + pem(self.certificate))
        if not key.exists():
            key.write_bytes(self.client_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        subject = ",".join(f"{key}={value}" for key, value in SUBJECT.items())
        return Identity(chain, key, f"{subject},CN={common_name}")

    def write(self, directory: Path) -> Path:
        """The directory, as it is written from the Kubernetes Secret."""
        directory.mkdir()
        (directory / "ca.crt").write_bytes(pem(self.certificate) + (pem(self.below.certificate) if self.below else b""))
        key = directory / "ca.key"
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        key.chmod(0o600)
        return directory


def with_an_empty_rdn(ca: OldCA, certificate: x509.Certificate) -> x509.Certificate:
    """The same certificate with a relative distinguished name of no attribute, which OpenSSL accepts (RFC 5280 4.1.2.4
    does not).
    """
    parts = [each.encoded for each in der.elements(der.unwrap(certificate.tbs_certificate_bytes, der.SEQUENCE))]
    parts[5] = der.encode(der.SEQUENCE, der.unwrap(parts[5], der.SEQUENCE), der.encode(der.SET))
    signed = der.encode(der.SEQUENCE, *parts)
    signature = ca.key.sign(signed, PKCS1v15(), SHA256())
    encoded = der.encode(der.SEQUENCE, signed, parts[2], der.encode(der.BIT_STRING, b"\0", signature))
    return x509.load_der_x509_certificate(encoded)


def signed_with_sha1(ca: OldCA, certificate: x509.Certificate) -> x509.Certificate:
    """The same certificate with a SHA-1 signature, which the library does not make (RFC 8017 appendix B.1)."""
    with_sha256, with_sha1 = (bytes.fromhex(f"300d06092a864886f70d0101{last}0500") for last in ("0b", "05"))
    signed = certificate.tbs_certificate_bytes.replace(with_sha256, with_sha1)
    signature = ca.key.sign(signed, PKCS1v15(), SHA1())  # noqa: S303 - what is to be refused
    encoded = der.encode(der.SEQUENCE, signed, with_sha1, der.encode(der.BIT_STRING, b"\0", signature))
    return x509.load_der_x509_certificate(encoded)


def write_revocations(path: Path, *certificates: x509.Certificate) -> Path:
    """The ConfigMap with the revocations, as kubectl writes it."""
    hashes = [sha256(each.public_bytes(Encoding.DER)).hexdigest() for each in certificates]
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": {each: each for each in hashes}}))
    return path


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
