"""The filters of the ports as conditions. The tenant is always one of them."""

import re
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Text, and_, false, func, or_, select

from connector.domain.certificates import CertificateState
from connector.domain.tokens import TokenState
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.storage.schema import certificates, entities, tokens
from connector.storage.statements import beside, chunks

_HEXADECIMAL = re.compile(r"[0-9a-f]{1,64}")
_FINGERPRINT_OCTETS = 32

Conditions = list[ColumnElement[bool]]


def token_conditions(which: TokenFilter) -> Sequence[Conditions]:
    """The conditions for the tokens that fit; in several parts, apart from one another, where many values are given."""
    given: Conditions = [
        tokens.c[name] == getattr(which, name)
        for name in ("id", "system_auth_id", "owner_id")
        if getattr(which, name) is not None
    ]
    is_narrow = given or which.certificates is not None or which.system_auth_ids is not None
    given.append((beside(tokens.c.tenant_id) if is_narrow else tokens.c.tenant_id) == which.tenant_id)
    if which.handed_over is not None:
        given.append(tokens.c.certificate.is_(None) if which.handed_over else tokens.c.certificate.is_not(None))
    if which.state is not None:
        given += _token_state(which)
    parts = [given]
    if which.certificates is not None:
        parts = [[*given, tokens.c.certificate.in_(some)] for some in chunks(set(which.certificates))]
    if which.system_auth_ids is not None:
        some_ids = list(chunks(set(which.system_auth_ids)))
        parts = [[*part, tokens.c.system_auth_id.in_(some)] for part in parts for some in some_ids]
    return parts


def certificate_conditions(which: CertificateFilter) -> Conditions:
    """The conditions for the certificates that fit."""
    given: Conditions = [
        certificates.c[name] == getattr(which, name)
        for name in ("serial", "fingerprint", "system_auth_id", "owner_id")
        if getattr(which, name) is not None
    ]
    given.append((beside(certificates.c.tenant_id) if given else certificates.c.tenant_id) == which.tenant_id)
    if which.expires_from is not None:
        given.append(certificates.c.not_after >= which.expires_from)
    if which.expires_to is not None:
        given.append(certificates.c.not_after <= which.expires_to)
    if which.lapsed is not None:
        given.append(certificates.c.lapsed_at.is_not(None) if which.lapsed else certificates.c.lapsed_at.is_(None))
    if which.state is not None:
        given += _certificate_state(which)
    if which.text is not None:
        given.append(_certificate_text(which))
    return given


def _token_state(which: TokenFilter) -> Conditions:
    spent, withdrawn = tokens.c.spent_at, tokens.c.withdrawn_at
    is_open = [spent.is_(None), withdrawn.is_(None)]
    match which.state:
        case TokenState.SPENT:
            return [spent.is_not(None)]
        case TokenState.WITHDRAWN:
            return [spent.is_(None), withdrawn.is_not(None)]
        case TokenState.EXPIRED:
            return [*is_open, tokens.c.expires_at <= which.now]
        case _:
            return [*is_open, tokens.c.expires_at > which.now]


def _certificate_state(which: CertificateFilter) -> Conditions:
    revoked, superseded = certificates.c.revoked_at, certificates.c.superseded_at
    match which.state:
        case CertificateState.REVOKED:
            return [revoked.is_not(None)]
        case CertificateState.EXPIRED:
            return [revoked.is_(None), certificates.c.not_after < which.now]
        case CertificateState.SUPERSEDED:
            return [revoked.is_(None), certificates.c.not_after >= which.now, superseded.is_not(None)]
        case _:
            return [revoked.is_(None), certificates.c.not_after >= which.now, superseded.is_(None)]


def _certificate_text(which: CertificateFilter) -> ColumnElement[bool]:
    text = which.text or ""
    either: Conditions = []
    if text.isprintable():  # as every name and id is; SQLite's LIKE ends at a NUL, and PostgreSQL takes none
        folded = func.connector_folded(entities.c.name, type_=Text)
        owners = select(entities.c.id).where(
            entities.c.tenant_id == which.tenant_id, folded.contains(text.lower(), autoescape=True)
        )
        either += [certificates.c.system_auth_id == text, certificates.c.owner_id.in_(owners)]
    if _HEXADECIMAL.fullmatch(text):
        either.append(certificates.c.serial.startswith(text))
        # A half octet counts as any with that beginning.
        first, last = (bytes.fromhex(text.ljust(2 * _FINGERPRINT_OCTETS, end)) for end in "0f")
        either.append(and_(certificates.c.fingerprint >= first, certificates.c.fingerprint <= last))
    return or_(false(), *either)
