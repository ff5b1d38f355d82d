"""Which CAs and CRLs the agent takes."""

from datetime import UTC, datetime, timedelta
from ssl import DER_cert_to_PEM_cert

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ca import CA, self_signed

from connector.agent.crls import SKEW, CRLUnusable, cas, judge, kept, read

OURS, THEIRS = CA.make("Ours"), CA.make("Ours")
ANCHORS = [OURS.root.certificate]
ROOT, ISSUING = cas(OURS.root.pem + OURS.issuing.pem, ANCHORS)
MINUTE = timedelta(minutes=1)
SIGNED = OURS.crl(7, 8, number=5)
INDIRECT = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=True,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=False,
    only_contains_attribute_certs=False,
)


def now() -> datetime:
    return datetime.now(UTC)


def test_cas_are_those_that_an_anchor_vouches_for() -> None:
    """The anchor itself, and what it has issued; one for each name and key, however often it is listed."""
    listed = cas(OURS.issuing.pem + OURS.root.pem + OURS.issuing.pem, ANCHORS)

    assert [each.certificate for each in listed] == [OURS.issuing.certificate, OURS.root.certificate]
    assert [each.title for each in listed] == ["Ours issuing", "Ours root"]


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        THEIRS.root.pem,
        OURS.root.pem + THEIRS.issuing.pem,
        OURS.issuing.pem + OURS.client().pem,
        self_signed().pem,
    ],
)
def test_a_list_with_anything_else_is_refused(pem: bytes) -> None:
    """A CA of the same names that no anchor vouches for, a certificate of no CA, and what is none, spoil the list."""
    with pytest.raises(CRLUnusable):
        cas(pem, ANCHORS)


def test_a_good_crl_is_read() -> None:
    """Its number, its times and its entries are those that were signed."""
    crl = read(ISSUING, SIGNED)

    assert (crl.number, crl.entries, crl.ca) == (5, 2, ISSUING)
    assert crl.next_update - crl.this_update == timedelta(days=2)
    assert x509.load_pem_x509_crl(crl.pem).public_bytes(Encoding.DER) == SIGNED
    judge(crl, None, now())
    judge(crl, crl, now())


@given(st.sampled_from([OURS.root.der, OURS.issuing.der]), st.data())
def test_a_ca_with_another_octet_is_refused(der: bytes, data: st.DataObject) -> None:
    """No octet of a CA's certificate can be changed."""
    octets = bytearray(der)
    octets[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CRLUnusable):
        cas(DER_cert_to_PEM_cert(bytes(octets)).encode(), ANCHORS)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<html>",
        SIGNED[:-1],
        OURS.issuing.der,
        THEIRS.crl(number=5),
        OURS.crl(number=5, key=OURS.root.key),
        OURS.crl(number=5, of_root=True),
        OURS.crl(number=None),
        OURS.crl(number=5, special=[INDIRECT]),
        OURS.crl(number=5, special=[x509.DeltaCRLIndicator(4)]),
    ],
    ids=["nothing", "html", "cut", "certificate", "namesake", "other key", "root", "no number", "shard", "delta"],
)
def test_what_is_no_full_crl_of_the_ca_is_refused(octets: bytes) -> None:
    """Another CA's, also one of the same name, one that is not full, one that is cut, and what is none."""
    with pytest.raises(CRLUnusable, match="Ours issuing"):
        read(ISSUING, octets)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_a_crl_with_another_octet_is_refused(place: int, change: int) -> None:
    """No octet of a CRL can be changed."""
    octets = bytearray(SIGNED)
    octets[place] ^= change
    with pytest.raises(CRLUnusable):
        read(ISSUING, bytes(octets))


def test_a_crl_that_is_over_or_to_come_is_refused() -> None:
    """By the clock here, with some patience for one that is ahead elsewhere."""
    crl = read(ISSUING, SIGNED)

    judge(crl, None, crl.this_update - SKEW)
    judge(crl, None, crl.next_update)
    with pytest.raises(CRLUnusable, match="begins at"):
        judge(crl, None, crl.this_update - SKEW - MINUTE)
    with pytest.raises(CRLUnusable, match="ended at"):
        judge(crl, None, crl.next_update + MINUTE)


def test_an_older_crl_than_the_held_one_is_refused() -> None:
    """A CRL that was good yesterday does not undo what was revoked since."""
    held = read(ISSUING, OURS.crl(number=6))
    with pytest.raises(CRLUnusable, match="has the number 5, and 6 is held"):
        judge(read(ISSUING, SIGNED), held, now())


def test_what_a_file_holds_is_read_again() -> None:
    """The CRLs of the known CAs; others, and damaged ones, are left out."""
    pems = [
        x509.load_der_x509_crl(octets).public_bytes(Encoding.PEM)
        for octets in (OURS.crl(number=3, of_root=True), THEIRS.crl(number=4), SIGNED)
    ]
    text = b"a note\n" + pems[0] + pems[1] + b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n" + pems[2]

    assert [(each.ca, each.number) for each in kept(text, [ROOT, ISSUING])] == [(ROOT, 3), (ISSUING, 5)]
    assert list(kept(pems[0][:-30], [ROOT, ISSUING])) == []
