"""The parts of a JWS in its compact form (RFC 7515 7.1): header, payload and signature, each in base64url."""

from joserfc.util import urlsafe_b64decode

from connector.domain.strict_json import read_object

PARTS = 3


def json_part(part: str) -> dict[str, object] | None:
    """The JSON object in a header or a payload; None where there is none. Nothing in it is to be believed yet."""
    try:
        return read_object(urlsafe_b64decode(part.encode("ascii")))
    except ValueError:
        return None
