"""Reading a header that says who somebody is: once, under one name, or not at all."""

from collections.abc import Iterable

from connector.domain.refusals import Refusal

MAX_OCTETS = 16 * 1024


def sole(headers: Iterable[tuple[bytes, bytes]], name: bytes, ambiguous: type[Refusal]) -> bytes | None:
    """The header's value; None if it is absent or empty. ``name`` is in lower case, with dashes.

    Raises:
        Refusal: of the kind ``ambiguous``. The header is there more than once, also under a name with underscores,
            which other programs take for the same; it is named in Connection, so that a program on the way may have
            removed it (RFC 9110 7.6.1); or it is too long.
    """
    found: bytes | None = None
    length = len(name)
    for key, value in headers:
        if key == name:
            if found is not None or len(value) > MAX_OCTETS:
                raise ambiguous
            found = value
        elif (len(key) == length and key.replace(b"_", b"-") == name) or (
            key == b"connection" and name in value.lower()
        ):
            raise ambiguous
    return found or None
