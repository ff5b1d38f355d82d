"""Which rule a certificate of another CA matches, and who calls with it."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from connector.domain.admin_certificates import AdminCertificate, AlternativeKind, AlternativeName, Match, Rule, Rules
from connector.domain.distinguished_names import DistinguishedName, NameAttribute
from connector.domain.principals import Role
from connector.domain.refusals import Refusal
from connector.domain.refusals.admin_certificates import (
    AdminCertificateAmbiguous,
    AdminCertificateExpired,
    AdminCertificateRefused,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
COMMON_NAME, ORGANIZATION = "2.5.4.3", "2.5.4.10"
REGISTRAR = DistinguishedName(((NameAttribute(ORGANIZATION, "Example"),), (NameAttribute(COMMON_NAME, "registrar"),)))
OTHER = DistinguishedName(((NameAttribute(COMMON_NAME, "other"),),))
PIPELINE = AlternativeName(AlternativeKind.URI, "spiffe://example.org/pipeline")
FINGERPRINT = sha256(b"certificate").digest()


def certificate(subject: DistinguishedName = REGISTRAR, *names: AlternativeName) -> AdminCertificate:
    return AdminCertificate(FINGERPRINT, subject, frozenset(names), NOW - DAY, NOW + DAY)


def rule(name: str, match: Match, *tenants: str, role: Role = Role.OPERATOR) -> Rule:
    return Rule(name, match, role, frozenset(tenants) or None)


RULES = Rules([rule("registrar", REGISTRAR, "acme"), rule("pipeline", PIPELINE, role=Role.VIEWER)])


def test_whoever_matches_one_rule_has_its_role_and_tenants() -> None:
    """The caller has the role and the tenants of the rule; the audit names rule, certificate and subject."""
    by_subject = RULES.caller(certificate(), now=NOW)
    by_name = RULES.caller(certificate(OTHER, PIPELINE), now=NOW)

    assert (by_subject.name, by_subject.role, by_subject.tenants) == ("registrar", Role.OPERATOR, frozenset({"acme"}))
    assert by_subject.actor == (
        f"admin_certificate:registrar sha256={FINGERPRINT.hex()} subject=CN=registrar,O=Example"
    )
    assert (by_name.name, by_name.role, by_name.tenants) == ("pipeline", Role.VIEWER, None)
    assert by_name.home is None


@pytest.mark.parametrize(
    ("presented", "refusal"),
    [
        (certificate(OTHER), AdminCertificateRefused),
        (certificate(DistinguishedName(())), AdminCertificateRefused),
        (certificate(DistinguishedName(REGISTRAR.relative[::-1])), AdminCertificateRefused),
        (certificate(OTHER, AlternativeName(AlternativeKind.DNS, PIPELINE.value)), AdminCertificateRefused),
        (certificate(OTHER, AlternativeName(AlternativeKind.URI, PIPELINE.value + "/")), AdminCertificateRefused),
        (certificate(OTHER, AlternativeName(AlternativeKind.URI, PIPELINE.value.upper())), AdminCertificateRefused),
        (certificate(REGISTRAR, PIPELINE), AdminCertificateAmbiguous),
    ],
)
def test_none_and_several_are_refused(presented: AdminCertificate, refusal: type[Refusal]) -> None:
    """A certificate that no rule matches exactly, or that several match, is nobody's."""
    with pytest.raises(refusal):
        RULES.caller(presented, now=NOW)


def test_who_matches_no_rule_is_told_the_subject() -> None:
    """The refusal says the subject as a rule has to write it."""
    with pytest.raises(AdminCertificateRefused, match="whose subject is CN=other"):
        RULES.caller(certificate(OTHER), now=NOW)


@pytest.mark.parametrize(
    ("at", "is_good"),
    [
        (NOW - DAY - SECOND, False),
        (NOW - DAY, True),
        (NOW + DAY, True),
        (NOW + DAY + SECOND, False),
    ],
)
def test_validity_has_both_its_ends(at: datetime, *, is_good: bool) -> None:
    """Both ends belong to the validity (RFC 5280 4.1.2.5), and a second beyond either is refused."""
    if is_good:
        assert RULES.caller(certificate(), now=at).name == "registrar"
    else:
        with pytest.raises(AdminCertificateExpired):
            RULES.caller(certificate(), now=at)


def test_a_listed_certificate_is_refused_whatever_it_matches() -> None:
    """A fingerprint on the list of refused certificates goes before every rule."""
    rules = Rules(RULES.rules, frozenset({FINGERPRINT}))

    with pytest.raises(AdminCertificateRefused, match=r"admin_certificates\.refused"):
        rules.caller(certificate(), now=NOW)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (rule("registrar", OTHER), "Two rules have the name registrar"),
        (rule("again", REGISTRAR), "The rules registrar and again match the same certificates"),
    ],
)
def test_two_rules_do_not_look_for_the_same(second: Rule, says: str) -> None:
    """Two rules of one name, or for one subject or name, are refused when they are made."""
    with pytest.raises(ValueError, match=says):
        Rules([rule("registrar", REGISTRAR), second])
