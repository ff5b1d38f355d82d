"""The claims of a token whose signature is good: whether it is for us and for now, and the caller."""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite

from connector.domain.principals import Caller, Role
from connector.domain.refusals.callers import JWTRefused
from connector.oidc.policy import OIDCPolicy

Claims = Mapping[str, object]

MAX_ACTOR = 200
AGAIN = "Sign in again, and send the new token."
ASK = "Ask the administrator of the issuer for it."


def check_claims(claims: Claims, policy: OIDCPolicy, *, now: datetime) -> None:
    """Return if the issuer made this token for us, and it is good now.

    Raises:
        JWTRefused: it did not, or it is not.
    """
    if claims.get("iss") != policy.issuer:
        raise JWTRefused(f"The bearer token is of another issuer. Sign in at {policy.issuer}, and send its token.")
    if policy.audience is None:
        raise JWTRefused("This server takes no tokens of the issuer: oidc.audience is not set. Use an API key.")
    audience = claims.get("aud")
    if policy.audience not in (audience if isinstance(audience, list) else [audience]):
        raise JWTRefused(f"The bearer token is for another audience. Ask the issuer for one for {policy.audience}.")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise JWTRefused(f"The bearer token has no claim sub. {ASK}")
    _check_times(claims, policy, now=now)


def _check_times(claims: Claims, policy: OIDCPolicy, *, now: datetime) -> None:
    earliest, latest = (now - policy.leeway).timestamp(), (now + policy.leeway).timestamp()
    if "exp" not in claims:
        raise JWTRefused(f"The bearer token has no claim exp, so that it would be good forever. {ASK}")
    if _time(claims, "exp") <= earliest:
        raise JWTRefused(f"The bearer token has expired. {AGAIN}")
    if "nbf" in claims and _time(claims, "nbf") > latest:
        raise JWTRefused("The bearer token is not good yet. Compare the clocks of the issuer and of this server.")
    if "iat" in claims and _time(claims, "iat") > latest:
        raise JWTRefused("The bearer token is of the future. Compare the clocks of the issuer and of this server.")


def _time(claims: Claims, name: str) -> int | float:
    value = claims[name]
    # To Python, True is a number, and 1e999 one without end.
    if isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise JWTRefused(f"The claim {name} of the bearer token is not a time. {AGAIN}")


def read_caller(claims: Claims, policy: OIDCPolicy) -> Caller:
    """The caller, by the claims.

    Raises:
        JWTRefused: a claim that is needed is missing, or is not what it must be.
    """
    name = _find(claims, policy.name_claim)
    if not isinstance(name, str) or not name.strip():
        raise JWTRefused(f"The bearer token has no name in the claim {policy.name_claim}. {ASK}")
    actor = f"user:{name}"
    # The audit and the logs show it: nothing in it may end a line, turn the writing around, or fill the screen.
    if len(actor) > MAX_ACTOR or not actor.isprintable() or name != name.strip():
        raise JWTRefused(
            f"The claim {policy.name_claim} of the bearer token is no name of at most {MAX_ACTOR - len('user:')} "
            "printable characters. Choose another claim in the settings, or another name at the issuer."
        )
    return Caller(name, actor, _read_role(claims, policy), _read_tenants(claims, policy))


def _read_role(claims: Claims, policy: OIDCPolicy) -> Role:
    values = _texts(claims, policy.roles_claim)
    held = [role for role in Role if values & policy.role_values.get(role, frozenset())]
    if not held:
        roles = ", ".join(sorted(value for each in policy.role_values.values() for value in each))
        raise JWTRefused(f"The bearer token has no role in the claim {policy.roles_claim}, such as {roles}. {ASK}")
    # Each role is within the next.
    return held[-1]


def _read_tenants(claims: Claims, policy: OIDCPolicy) -> frozenset[str] | None:
    values = _texts(claims, policy.tenants_claim)
    if not values:
        raise JWTRefused(f"The bearer token names no tenant in the claim {policy.tenants_claim}. {ASK}")
    return None if policy.all_tenants in values else values


def _texts(claims: Claims, name: str) -> frozenset[str]:
    """The values of a claim that is a text or a list of texts; whatever else it is, it holds none."""
    value = _find(claims, name)
    values = value if isinstance(value, list) else [value]
    return frozenset(text for text in values if isinstance(text, str) and text and text.isprintable())


def _find(claims: Claims, name: str) -> object:
    # Issuers give claims of their own names with dots in them, such as URLs: the whole name goes first.
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
