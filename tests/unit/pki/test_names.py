"""Subjects: the policy's values, the text that clients read, and the check of a CSR's subject."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from tests.support.csr import COMMON_NAME, SUBJECT

from connector.domain.refusals.csr import CSRSubjectMismatch
from connector.pki import der
from connector.pki.names import SubjectPolicy
from connector.web.original import in_original_words

ATTRIBUTES = (
    ("2.5.4.10", "Org", "organization"),
    ("2.5.4.11", "OrgUnit", "organizational unit"),
    ("2.5.4.7", "locality", "locality"),
    ("2.5.4.8", "province", "province"),
    ("2.5.4.6", "DE", "country"),
    ("2.5.4.3", COMMON_NAME, "common name"),
)
GOOD = [(oid, value) for oid, value, _ in ATTRIBUTES]


def attribute(oid: str, value: str, tag: int = der.UTF8_STRING) -> bytes:
    """One attribute of a name."""
    identifier = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier(oid))
    return der.encode(der.SEQUENCE, identifier, der.encode(tag, value.encode()))


def name(*rdns: bytes) -> bytes:
    """A name of RDNs."""
    return der.encode(der.SEQUENCE, *(der.encode(der.SET, rdn) for rdn in rdns))


def refusal(subject: bytes) -> str:
    """The text with which the subject is refused, behind the advice."""
    with pytest.raises(CSRSubjectMismatch) as caught:
        SUBJECT.check(subject, COMMON_NAME)
    advice, _, text = str(in_original_words(caught.value)).partition(
        " Error while signing Certificate Signing Request: "
    )
    assert advice == f"The subject must be {SUBJECT.text(COMMON_NAME)}, each attribute once."
    return text


def test_text_is_what_clients_split() -> None:
    """The text has the contract's order, no blanks and no escapes."""
    assert SUBJECT.text(COMMON_NAME) == f"O=Org,OU=OrgUnit,L=locality,ST=province,C=DE,CN={COMMON_NAME}"


def test_name_has_the_order_and_types_of_the_contract() -> None:
    """The server's name is O, OU, L, ST, C, CN; UTF8String, and PrintableString for the country."""
    printable = {"2.5.4.6": der.PRINTABLE_STRING}

    expected = name(*(attribute(oid, value, printable.get(oid, der.UTF8_STRING)) for oid, value in GOOD))

    assert SUBJECT.name(COMMON_NAME).public_bytes() == expected


@pytest.mark.parametrize("field", ["organization", "organizational_unit", "locality", "province"])
@pytest.mark.parametrize("value", ["", "x" * 129, " x", "a\nb", "a\0b", "a\u202eb", *',=+<>#;\\"/'])
def test_value_that_cannot_stand_in_the_text_is_refused_by_field(field: str, value: str) -> None:
    """A value is not empty, not too long, and holds nothing that splits, escapes or hides."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        replace(SUBJECT, **{field: value})


@pytest.mark.parametrize("field", ["organization", "organizational_unit"])
def test_upper_bounds_of_rfc_5280(field: str) -> None:
    """O and OU hold 64 characters, no more."""
    assert getattr(replace(SUBJECT, **{field: "x" * 64}), field) == "x" * 64
    with pytest.raises(ValueError, match=f"^{field}: "):
        replace(SUBJECT, **{field: "x" * 65})


@pytest.mark.parametrize("country", ["", "D", "DEU", "de", "D1", "ÄÖ"])
def test_country_is_two_capital_letters(country: str) -> None:
    """C is an ISO 3166 code."""
    with pytest.raises(ValueError, match=r"^country: "):
        replace(SUBJECT, country=country)


@given(
    st.permutations(GOOD), st.lists(st.sampled_from([der.UTF8_STRING, der.PRINTABLE_STRING]), min_size=6, max_size=6)
)
def test_order_and_string_type_are_free(attributes: list[tuple[str, str]], tags: list[int]) -> None:
    """The six attributes may stand in any order, as UTF8String or PrintableString; the name is the server's own."""
    subject = name(*(attribute(oid, value, tag) for (oid, value), tag in zip(attributes, tags, strict=True)))

    assert SUBJECT.check(subject, COMMON_NAME) == SUBJECT.name(COMMON_NAME)


@pytest.mark.parametrize(("oid", "value", "label"), ATTRIBUTES)
def test_each_attribute_missing_wrong_or_twice(oid: str, value: str, label: str) -> None:
    """An attribute that is absent, differs or is there twice is named; a missing CN is an invalid one."""
    others = [attribute(*pair) for pair in GOOD if pair[0] != oid]
    absent = "Invalid common name" if label == "common name" else f"No {label}"

    assert refusal(name(*others)) == f"CSR: {absent} provided."
    for wrong in ("", value + "x", value.swapcase(), value + "\0", " " + value):
        assert refusal(name(*others, attribute(oid, wrong))) == f"CSR: Invalid {label} provided."
    for second in (value, "other"):
        twice = name(*others, attribute(oid, value), attribute(oid, second))
        assert refusal(twice) == f"CSR: Invalid {label} provided."


@pytest.mark.parametrize("tag", [0x14, 0x16, 0x1A, 0x1C, 0x1E, der.INTEGER, der.OCTET_STRING])
def test_other_string_types_are_refused(tag: int) -> None:
    """TeletexString, IA5String, BMPString and the like are read in more than one way."""
    subject = name(*(attribute(*pair) for pair in GOOD[:-1]), attribute("2.5.4.3", COMMON_NAME, tag))

    assert refusal(subject) == "CSR: Invalid common name provided."


def test_printable_string_holds_its_own_alphabet_only() -> None:
    """A value outside PrintableString's alphabet is accepted as UTF8String, and as nothing else."""
    policy = replace(SUBJECT, organization="Müller_Söhne")
    rest = [attribute(*pair) for pair in GOOD[1:]]

    assert policy.check(name(attribute("2.5.4.10", "Müller_Söhne"), *rest), COMMON_NAME)
    with pytest.raises(CSRSubjectMismatch, match="Invalid organization"):
        policy.check(name(attribute("2.5.4.10", "Müller_Söhne", der.PRINTABLE_STRING), *rest), COMMON_NAME)


def test_decomposed_letters_are_another_name() -> None:
    """Names are compared by octets: a letter and its decomposition differ."""
    policy = replace(SUBJECT, organization="M\u00fcller")
    subject = name(attribute("2.5.4.10", "Mu\u0308ller"), *(attribute(*pair) for pair in GOOD[1:]))

    with pytest.raises(CSRSubjectMismatch, match="Invalid organization"):
        policy.check(subject, COMMON_NAME)


@pytest.mark.parametrize(
    ("oid", "value"), [("2.5.4.5", "CN=victim"), ("1.2.840.113549.1.9.1", "a@b"), ("2.5.4.99", "x")]
)
def test_any_other_attribute_is_refused_and_not_echoed(oid: str, value: str) -> None:
    """A seventh attribute gets nobody through, wherever it stands, and its value is not shown."""
    good = [attribute(*pair) for pair in GOOD]

    for subject in (name(*good, attribute(oid, value)), name(attribute(oid, value), *good)):
        assert refusal(subject) == "CSR: Unexpected attribute provided."


def test_multi_valued_rdn_is_refused() -> None:
    """Two attributes in one RDN are refused, even if they are the right ones."""
    single = [attribute(*pair) for pair in GOOD]

    assert refusal(name(*single[:4], single[4] + single[5])) == "CSR: Unexpected attribute provided."


def test_common_name_is_checked_first() -> None:
    """Of several faults the contract's first is told: CN, then C, O, OU, L, ST."""
    assert refusal(name()) == "CSR: Invalid common name provided."
    assert refusal(name(attribute("2.5.4.3", COMMON_NAME))) == "CSR: No country provided."


@pytest.mark.parametrize(
    "subject",
    [
        b"",
        b"\x30",
        der.encode(der.SEQUENCE, der.encode(der.SET)),
        der.encode(der.SEQUENCE, attribute("2.5.4.3", COMMON_NAME)),
        name(der.encode(der.SEQUENCE)),
        name(der.encode(der.SEQUENCE, der.encode(der.OBJECT_IDENTIFIER, b"\x55\x04\x03"))),
        name(der.encode(der.SEQUENCE, der.encode(der.OBJECT_IDENTIFIER, b"\x80\x55"), der.encode(der.NULL))),
        name(der.encode(der.SEQUENCE, der.encode(der.OBJECT_IDENTIFIER, b"\x55" * 65), der.encode(der.NULL))),
    ],
)
def test_what_is_no_name_is_not_der(subject: bytes) -> None:
    """A subject that is not a Name is malformed, not mismatched."""
    with pytest.raises(der.DERError):
        SUBJECT.check(subject, COMMON_NAME)


@given(st.binary(max_size=200))
def test_no_octets_break_the_check(subject: bytes) -> None:
    """Whatever stands where a subject should, the answer is a refusal."""
    with pytest.raises((CSRSubjectMismatch, der.DERError)):
        SUBJECT.check(subject, COMMON_NAME)


def test_common_name_of_our_own_is_checked_too() -> None:
    """Not even the server puts a separator into a name."""
    with pytest.raises(ValueError, match=r"^common_name: "):
        SUBJECT.name("a,O=b")


def test_equal_policies_are_equal() -> None:
    """A policy is a value."""
    assert SubjectPolicy("Org", "OrgUnit", "locality", "province", "DE") == SUBJECT
    assert SUBJECT.name("x").get_attributes_for_oid(NameOID.COMMON_NAME)[0] == x509.NameAttribute(
        NameOID.COMMON_NAME, "x"
    )


NAMES = st.sampled_from(["O", "OU", "L", "ST", "C", "CN", "cn", "DC", "2.5.4.3", " CN", "OU+CN", ""])
VALUES = st.sampled_from(["Org", "OrgUnit", "locality", "province", "DE", COMMON_NAME, "", " ", "org", "a=b", "a+CN=b"])
EXACT = ["O=Org", "OU=OrgUnit", "L=locality", "ST=province", "C=DE"]


@given(st.permutations([*EXACT, f"CN={COMMON_NAME}"]))
def test_the_order_of_a_subject_of_ours_is_free(attributes: list[str]) -> None:
    """The common name is found in the six attributes in any order."""
    assert SUBJECT.common_name(",".join(attributes)) == COMMON_NAME


@given(
    st.permutations([*EXACT, f"CN={COMMON_NAME}"]),
    st.lists(st.tuples(NAMES, VALUES), max_size=2),
    st.integers(0, 2),
    st.randoms(use_true_random=False),
)
def test_a_subject_is_ours_with_six_attributes_alone(
    attributes: list[str], more: list[tuple[str, str]], fewer: int, random: Random
) -> None:
    """A common name is found only where the five shared attributes and one common name stand, each once."""
    attributes = [*attributes[fewer:], *(f"{name}={value}" for name, value in more)]
    random.shuffle(attributes)

    found = SUBJECT.common_name(",".join(attributes))

    if found is None:
        assert sorted(attributes) != sorted([*EXACT, f"CN={COMMON_NAME}"])
    else:
        assert Counter(attributes) == Counter([*EXACT, f"CN={found}"])
        assert not set(found) & set(',=+<>#;\\"/')
        assert found == found.strip() != ""


@given(st.text(max_size=60), st.sampled_from(range(len(SUBJECT.text(COMMON_NAME)))))
def test_no_text_breaks_the_reading_of_a_subject(text: str, at: int) -> None:
    """Whatever is put into the text of a subject, it has no common name, or one that gives the same text again."""
    good = SUBJECT.text(COMMON_NAME)
    for subject in (text, good[:at] + text + good[at:], good[:at] + text):
        found = SUBJECT.common_name(subject)
        assert found is None or sorted(SUBJECT.text(found).split(",")) == sorted(subject.split(","))


@pytest.mark.parametrize(
    "subject",
    [
        "",
        ",".join(EXACT),
        ",".join([*EXACT, "CN="]),
        ",".join([*EXACT, "CN= a"]),
        ",".join([*EXACT, "CN=a", "CN=a"]),
        ",".join([*EXACT, "CN=a", "CN=b"]),
        ",".join([*EXACT, "OU=OrgUnit", "CN=a"]),
        ",".join([*EXACT, "OU=Other", "CN=a"]),
        ",".join([*EXACT, "CN=a", ""]),
        ", ".join([*EXACT, "CN=a"]),
        "/".join([*EXACT, "CN=a"]),
        ",".join([*EXACT[:4], "C=DE+CN=a"]),
        ",".join([*EXACT, "CN=a+UID=b"]),
        ",".join([*EXACT, "2.5.4.3=a"]),
        ",".join([*EXACT, "cn=a"]),
        ",".join([*EXACT, "CN=#0c0161"]),
        ",".join([*EXACT, r"CN=a\,b"]),
        ",".join([*EXACT, r"CN=a\2cb"]),
        ",".join([*EXACT, "CN=" + "a" * 65]),
        ",".join(["O=Org Ltd", *EXACT[1:], "CN=a"]),
        ",".join(["O=org", *EXACT[1:], "CN=a"]),
    ],
)
def test_another_subject_has_no_common_name_of_ours(subject: str) -> None:
    """An attribute too many, too few, twice, in another spelling, escaped or joined to another: nothing is found."""
    assert SUBJECT.common_name(subject) is None
