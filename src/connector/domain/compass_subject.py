"""The subject that Compass's clients have stored: where ours is another, they can call and cannot renew."""

from collections.abc import Mapping, Sequence

# Compass's defaults, from its chart and from its program (docs/wire-contract.md).
_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "organization": ("Org",),
    "organizational_unit": ("OrgUnit",),
    "locality": ("locality", "Locality"),
    "province": ("province", "State"),
    "country": ("DE", "PL"),
}

_COMPARE = (
    "Compare it with the APP_CSR_SUBJECT_ variables of the Compass Connector, or name a client's certificate: "
    "--certificate FILE"
)


def warnings(ours: Mapping[str, str], *, ca: Mapping[str, str], client: Mapping[str, str] | None) -> Sequence[str]:
    """What there is to say of the attributes of our subject, each with the next step.

    ``client`` are the attributes of a client's certificate, which decide. Without one, those of the old CA's own
    subject are a hint, and so are Compass's defaults. Neither has attributes that are not there once, as text.
    """
    if client is not None:
        return [_different(name, ours[name], client.get(name)) for name in _DEFAULTS if client.get(name) != ours[name]]
    guessed = [_guess(name, ours[name], ca.get(name)) for name in _DEFAULTS]
    return [each for each in guessed if each is not None]


def _different(name: str, ours: str, theirs: str | None) -> str:
    if theirs is None:
        return (
            f"subject.{name} is {ours!r} here, and the client's certificate has no such attribute, or several, so this "
            "client cannot renew. Check that Compass issued it."
        )
    return (
        f"subject.{name} is {ours!r} here and {theirs!r} in the client's certificate: such clients cannot renew. "
        f'Before the switch, set {name} = "{theirs}" in the section [subject].'
    )


def _guess(name: str, ours: str, ca: str | None) -> str | None:
    if ca is not None and ca != ours:
        return (
            f"subject.{name} is {ours!r} here and {ca!r} in the old CA's subject. If clients have the same, they "
            f"cannot renew. {_COMPARE}"
        )
    if ca is None and ours not in _DEFAULTS[name]:
        defaults = " or ".join(map(repr, _DEFAULTS[name]))
        return (
            f"subject.{name} is {ours!r} here, and {defaults} in Compass, unless somebody changed it there. Clients "
            f"with another value cannot renew. {_COMPARE}"
        )
    return None
