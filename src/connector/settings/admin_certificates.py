"""The settings about administrators who come with a client certificate of another CA."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from connector.domain.admin_certificates import AlternativeKind, AlternativeName, Match, Rules
from connector.domain.admin_certificates import Rule as DomainRule
from connector.domain.principals import Role
from connector.pki.distinguished_names import parse_name
from connector.pki.general_names import GeneralName, NameKind
from connector.settings.section import Section
from connector.settings.values import Tenants, check_fingerprint, every_tenant, read_list, read_tables

MOST_RULES = 1000
MAX_MATCH = 2048
# RFC 3986 section 3: a scheme, and what follows in printable ASCII; a URN too, which our own certificates never hold.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+")


def _check_subject(value: str) -> str:
    parse_name(value)
    return value


class Rule(Section):
    """One rule: what it looks for in a certificate, and what whoever has such a certificate may do."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,39}$")
    subject: Annotated[str, Field(max_length=MAX_MATCH), AfterValidator(_check_subject)] | None = None
    dns: str | None = None
    uri: str | None = None
    email: str | None = None
    role: Role
    tenants: Tenants

    @model_validator(mode="after")
    def _checked(self) -> Self:
        given = [each for each in (self.subject, self.dns, self.uri, self.email) if each is not None]
        if len(given) != 1:
            raise ValueError(
                "It should have one of subject, dns, uri and email, so that it says which certificates match"
            )
        every_tenant(self.tenants)
        self.match()
        return self

    def match(self) -> Match:
        """The mark that the rule looks for.

        Raises:
            ValueError: it is no name of its kind.
        """
        if self.subject is not None:
            return parse_name(self.subject)
        for kind in AlternativeKind:
            value: str | None = getattr(self, kind.value)
            if value is None:
                continue
            if value.startswith("*."):
                raise ValueError("dns should be one name; a wildcard certificate can belong to many hosts")
            if not _is_of_kind(kind, value):
                raise ValueError(f"{kind.value} should be one name of that kind, as it stands in the certificate")
            return AlternativeName(kind, value)
        raise ValueError("There is nothing to match")

    def rule(self) -> DomainRule:
        """The rule as the domain has it."""
        tenants = None if every_tenant(self.tenants) else frozenset(self.tenants)
        return DomainRule(self.name, self.match(), self.role, tenants)

    def __str__(self) -> str:
        """One line for people."""
        which = next(
            f"{kind} {getattr(self, kind)}" for kind in ("subject", "dns", "uri", "email") if getattr(self, kind)
        )
        return f"{self.name}: {which} is {self.role.value} in {', '.join(self.tenants)}"


def _is_of_kind(kind: AlternativeKind, value: str) -> bool:
    if kind is AlternativeKind.URI:
        return len(value) <= MAX_MATCH and _URI.fullmatch(value) is not None
    try:
        GeneralName(NameKind[kind.name], value)
    except ValueError:
        return False
    return True


class AdminCertificates(Section):
    """Administrators who call the Director API with a client certificate of another CA. Each rule, in
    `[[admin_certificates.rules]]`, has a `name`; one of `subject` (RFC 4514), `dns`, `uri` and `email` (alternative
    names), which must be in the certificate exactly as written; a `role` (viewer, operator or administrator); and
    `tenants`, a list of external ids, or `["*"]` for all. See
    [the Director API](director.md#administrators-by-certificate).
    """

    ca_file: Path | None = Field(
        default=None,
        description="The CA certificates in PEM. Without it, the public listener asks nobody for a certificate.",
    )
    rules: Annotated[tuple[Rule, ...], BeforeValidator(read_tables), Field(max_length=MOST_RULES)] = Field(
        default=(),
        description="The rules. A certificate that matches none, or several, is refused. In the environment, JSON.",
    )
    refused: Annotated[
        tuple[Annotated[str, AfterValidator(check_fingerprint)], ...],
        BeforeValidator(read_list),
        Field(max_length=MOST_RULES),
    ] = Field(
        default=(),
        description="Certificates that are refused although a rule matches: the SHA-256 of each, in hexadecimal. The "
        "CA's own CRL is not read.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.ca_file is not None and not self.rules:
            raise ValueError(
                "rules: Nobody is an administrator by a certificate without a rule. Give one, or no ca_file"
            )
        if self.ca_file is None and self.rules:
            raise ValueError(
                "ca_file: The rules need it. Name the file with the certificate of the CA that issues to them"
            )
        try:
            self.values()
        except ValueError as error:
            raise ValueError(f"rules: {error}") from None
        return self

    def values(self) -> Rules:
        """The rules as the domain has them."""
        return Rules(tuple(rule.rule() for rule in self.rules), frozenset(map(bytes.fromhex, self.refused)))
