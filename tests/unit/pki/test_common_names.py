"""The subject of a certificate that another installation's CA signed."""

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from connector.pki import der
from connector.pki.names import SubjectPolicy, common_names, shared_values


def subject(*values: str, kind: _ASN1Type = _ASN1Type.UTF8String) -> bytes:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, value, _type=kind) for value in values]
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Org")
    return x509.Name([organization, *names]).public_bytes()


@pytest.mark.parametrize("values", [(), ("a",), ("a", "b"), ("a", "a")])
def test_every_common_name_is_found_in_its_order(values: tuple[str, ...]) -> None:
    """Whoever asks for exactly one common name sees each, also one that is there twice."""
    assert common_names(subject(*values)) == values
    assert common_names(subject(*values, kind=_ASN1Type.PrintableString)) == values


def test_a_name_that_readers_read_differently_is_none() -> None:
    """A string type that readers decode differently, and a NUL, which ends the name for some, leave no text."""
    assert common_names(subject("a", kind=_ASN1Type.BMPString)) == (None,)
    assert common_names(subject("a", kind=_ASN1Type.T61String)) == (None,)
    assert common_names(subject("a\0b", "c")) == (None, "c")


def test_shared_values_are_those_that_are_there_once() -> None:
    """The five attributes are read by the names of the settings. One that is there twice, or in an encoding that
    readers do not agree on, is left out.
    """
    ours = {"organization": "Org", "organizational_unit": "Unit", "locality": "L", "province": "P", "country": "DE"}
    assert shared_values(SubjectPolicy(**ours).encoded("a")) == ours
    twice = [x509.NameAttribute(NameOID.COUNTRY_NAME, value) for value in ("DE", "PL")]
    odd = x509.NameAttribute(NameOID.LOCALITY_NAME, "L", _type=_ASN1Type.BMPString)
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Org")
    assert shared_values(x509.Name([*twice, odd, organization]).public_bytes()) == {"organization": "Org"}
    assert shared_values(x509.Name([]).public_bytes()) == {}


def test_an_empty_relative_name_is_no_name() -> None:
    """A relative distinguished name has an attribute (RFC 5280 4.1.2.4)."""
    octets = der.encode(der.SEQUENCE, der.unwrap(subject("a"), der.SEQUENCE), der.encode(der.SET))
    with pytest.raises(der.DERError):
        common_names(octets)
