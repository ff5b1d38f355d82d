"""From settings to what answers gateways."""

from collections.abc import Mapping
from ipaddress import ip_network

from connector.bootstrap.secrets import gateway_secret
from connector.domain.distinguished_names import ATTRIBUTES, DistinguishedName, NameAttribute
from connector.pki.distinguished_names import read_name
from connector.ports.oidc import Bearers
from connector.ports.transaction import Clock
from connector.settings import Problem, Settings, SettingsError
from connector.system import telemetry
from connector.usecases.forwarding import ForwardedCertificates
from connector.usecases.identity_tokens import IdentityTokens
from connector.usecases.issuers import Issuers
from connector.usecases.verdicts import Verdicts
from connector.web.gateways import DIALECTS, Foreign, Forwarding, Gateways, Proxies

_DIALECTS = "It is one of: nginx, apache, traefik, envoy, rfc9440."
_OWN = NameAttribute(ATTRIBUTES["CN"], "x")


def gateways(
    settings: Settings, verdicts: Verdicts, bearers: Bearers | None, tokens: IdentityTokens | None
) -> Gateways | None:
    """The endpoints for gateways, which give these verdicts and judge these tokens; None if the settings name none.

    Raises:
        KeystoreError: the file with the secret cannot be used.
        Exposed: others can read it.
    """
    proxies = _proxies(settings)
    rule = settings.subject.policy() if settings.gateways.subject_rule else None
    foreign = Foreign(settings.gateways.mapped(), rule, settings.gateways.authenticator, bearers)
    return None if proxies is None else Gateways(proxies, verdicts, foreign, tokens)


def forwarding(settings: Settings, issuers: Issuers, clock: Clock) -> Forwarding | None:
    """The gateways that end TLS for our own paths; None if the settings name none, or not how they pass certificates
    on. It raises as :func:`gateways` does.
    """
    proxies = _proxies(settings)
    dialect = next((each for each in DIALECTS if each.name == settings.gateways.dialect), None)
    if proxies is None or dialect is None:
        return None
    return Forwarding(dialect, proxies, ForwardedCertificates(issuers, clock))


def _proxies(settings: Settings) -> Proxies | None:
    networks, secret = settings.gateways.proxies, gateway_secret(settings)
    return Proxies(tuple(map(ip_network, networks)), secret) if networks or secret is not None else None


def check(settings: Settings, origins: Mapping[str, str]) -> None:
    """Return if gateways can be answered as the settings say.

    Raises:
        SettingsError: a mapped subject is one of our own certificates', the subject rule cannot hold for them, JWTs
            have no issuer, or it is not said which gateways forward certificates, and how.
        KeystoreError, Exposed: as :func:`gateways` does.
    """
    gateway_secret(settings)
    given, problems = settings.gateways, list[Problem]()
    shared = _attributes(read_name(settings.subject.policy().encoded(_OWN.text))) - {_OWN}
    for number, mapped in enumerate(given.mapped().mapped, 1):
        if shared <= _attributes(mapped.subject):
            reason = "It is a subject of certificates that this server issues, which are known by their hash alone"
            problems.append(_problem("gateways.subjects", origins, f"Number {number}: {reason}."))
    if given.subject_rule and not settings.subject.policy().text(_OWN.text).isascii():
        reason = "Gateways escape characters that are not ASCII, and a subject with an escape is not believed."
        problems.append(_problem("gateways.subject_rule", origins, reason))
    if given.authenticator is not None and (settings.oidc.issuer is None or settings.oidc.audience is None):
        reason = "It needs oidc.issuer and oidc.audience, which verify the JWTs."
        problems.append(_problem("gateways.authenticator", origins, reason))
    if settings.listeners.forwarded is not None:
        if given.dialect is None:
            problems.append(_problem("gateways.dialect", origins, f"The forwarded listener needs it. {_DIALECTS}"))
        if not given.proxies and given.secret_file is None:
            problems.append(
                _problem("listeners.forwarded", origins, "Name the gateway: gateways.proxies, gateways.secret_file.")
            )
    if problems:
        raise SettingsError(problems)


def warn(settings: Settings) -> None:
    """Log what the operator should know of a setting that lets more in."""
    if settings.gateways.subject_rule:
        telemetry.logger().warning(
            "gateways.subject_rule",
            meaning="certificates that are not in the inventory are verified by the gateway alone",
        )


def _attributes(name: DistinguishedName) -> frozenset[NameAttribute]:
    return frozenset(attribute for relative in name.relative for attribute in relative)


def _problem(setting: str, origins: Mapping[str, str], reason: str) -> Problem:
    return Problem(setting, origins.get(setting, "default"), reason)
