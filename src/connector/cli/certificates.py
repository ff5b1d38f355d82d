"""The commands for certificates and the CA that issues them."""

from datetime import datetime
from typing import Annotated

import typer
from cryptography.hazmat.primitives.hashes import SHA256

from connector.bootstrap.administration import Administration
from connector.bootstrap.start import DEFAULT_TENANT
from connector.cli.administration import TenantID
from connector.cli.command import command
from connector.cli.output import Row, Verbatim
from connector.domain.certificates import Certificate, RevocationReason, normalized_serial
from connector.domain.pairing import timestamp
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.ports.certificates import CertificateFilter
from connector.usecases.crl_standing import standing
from connector.usecases.realms import Installation, Realm
from connector.usecases.renewal import ask
from connector.usecases.revocation import revoke
from connector.web import chains

Serial = Annotated[
    str, typer.Argument(metavar="SERIAL", help="The serial number in hexadecimal, as openssl or a browser shows it.")
]
Reason = Annotated[RevocationReason, typer.Option("--reason", help="Why, by the names of RFC 5280 5.3.1.")]

REVOKE = "Revoke the certificate {serial}?"

certificate = typer.Typer(help="Certificates: list, show, revoke, renew-now.", no_args_is_help=True)


@command(certificate, "list", nothing="There are no certificates yet.")
def list_certificates(_: Administration, installation: Installation, tenant_id: TenantID = DEFAULT_TENANT) -> list[Row]:
    """List the tenant's certificates, newest first."""
    realm = installation.enter(tenant_id)
    found = realm.certificates.list(CertificateFilter())
    names = realm.directory.names({each.owner_id for each in found})
    seen = realm.certificates.last_seen(found)
    return [
        {
            "serial": each.serial,
            "name": names.get(each.owner_id),
            **_certificate(each, realm),
            "lastSeen": _moment(seen.get(each.fingerprint)),
        }
        for each in found
    ]


@command(certificate, "show")
def show_certificate(_: Administration, installation: Installation, serial: Serial) -> Row:
    """Show the certificate of this serial number, and its standing in the newest CRL."""
    realm, found = _certificate_of(installation, serial)
    return {
        **_certificate(found, realm),
        "lastSeen": _moment(realm.certificates.last_seen([found]).get(found.fingerprint)),
        **_crl(installation, found),
        "fingerprint": found.fingerprint.hex(),
        "pem": Verbatim(chains.pem(found.der)),
    }


@command(certificate, "revoke", writes=True, asks=REVOKE)
def revoke_certificate(
    _: Administration,
    installation: Installation,
    serial: Serial,
    reason: Reason = RevocationReason.UNSPECIFIED,
) -> Row:
    """Revoke the certificate of this serial number, from its holder's very next request."""
    realm, found = _certificate_of(installation, serial)
    revoked = revoke(realm, CertificateFilter(fingerprint=found.fingerprint), reason)
    return _certificate(revoked[0] if revoked else found, realm)


@command(certificate, "renew-now", writes=True, nothing="No certificate in use was to be asked for.")
def ask_renewal(
    _: Administration,
    installation: Installation,
    serial: Annotated[str | None, typer.Argument(metavar="SERIAL", help="Of the one whose holder is asked.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every holder of the tenant, instead of one.")] = False,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> list[Row]:
    """Ask holders to renew at once, after an incident or before a change of the CA."""
    if everyone == (serial is not None):
        raise InvalidData("Name either a serial number or --all. Both, or neither, say nothing clear.")
    realm = installation.enter(tenant_id)
    which = CertificateFilter(serial=None if serial is None else normalized_serial(serial))
    if serial is not None and not realm.certificates.count(which):
        raise ObjectNotFound
    return [_certificate(each, realm) for each in ask(realm, which)]


ca = typer.Typer(help="The certification authority.", no_args_is_help=True)


@command(ca, "show")
def show_ca(admin: Administration, _: Installation) -> list[Row]:
    """Show the root and the issuing CA, with their fingerprints."""
    return [
        {
            "certificate": name,
            "subject": each.subject.rfc4514_string(),
            "notAfter": timestamp(each.not_valid_after_utc),
            "fingerprint": each.fingerprint(SHA256()).hex(),
            "file": str(admin.settings.data_dir / "ca" / f"{name}.pem"),
        }
        for name, each in (("root", admin.root), ("issuing", admin.issuing))
    ]


def _certificate_of(installation: Installation, serial: str) -> tuple[Realm, Certificate]:
    try:
        return installation.certificate(normalized_serial(serial))
    except ObjectNotFound as error:
        raise ObjectNotFound(
            f"There is no certificate with the serial number {serial!r}. It is written in hexadecimal. List them: "
            "connector certificate list"
        ) from error


def _crl(installation: Installation, certificate: Certificate) -> Row:
    """The certificate's standing in the CRL, as relying parties see it."""
    found = installation.crl_of(certificate.issuer)
    if found is None:
        return {"crl": "none"}
    said = standing(certificate, *found)
    return {
        "crl": said.word(now=installation.now),
        **({} if said.entry is None else {"crlReason": said.entry.reason or "unspecified"}),
        "crlNumber": said.record.number,
        "crlMadeAt": timestamp(said.record.this_update),
        "crlEndsAt": timestamp(said.record.next_update),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)


def _certificate(certificate: Certificate, realm: Realm) -> Row:
    return {
        "serial": certificate.serial,
        "owner": certificate.owner_id,
        "systemAuth": certificate.system_auth_id,
        "state": certificate.state(now=realm.now).value,
        "notAfter": timestamp(certificate.not_after),
    }
