"""The corpus of CSRs from other projects, and of faults that others had, where it lies beside the checkout.

It is not ours to copy. Where it is absent, no case is collected, and the first test's name says so; the vectors of
``tests/vectors`` hold the same faults.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest
from cryptography import x509
from tests.support.csr import COMMON_NAME, SUBJECT, verify
from tests.support.golden import assert_golden, spki_of
from tests.support.issuing import issue, make_issuer
from tests.vectors.drafts import pem, send

from connector.domain.refusals.csr import BadCSR
from connector.pki.csr import CSRPolicy, VerifiedRequest
from connector.pki.names import SubjectPolicy
from connector.pki.requested import UNGRANTED

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "csr-corpus"
INDEX = CORPUS / "index.tsv"

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ISSUER = make_issuer("p256", now=NOW)

# What the index would have refused, and we accept where the subject is right.
ACCEPTED_ALL_THE_SAME = {
    "public/pyca-vectors/rsa_sha1.der": "SHA-1 is taken as proof of possession of an RSA key",
    "public/pyca-vectors/rsa_sha1.pem": "SHA-1 is taken as proof of possession of an RSA key",
    "public/pyca-vectors/san_rsa_sha1.der": "SHA-1 is taken as proof of possession of an RSA key",
    "public/pyca-vectors/san_rsa_sha1.pem": "SHA-1 is taken as proof of possession of an RSA key",
    "public/boulder/bad_algorithm.der": "SHA-1 is taken as proof of possession of an RSA key",
    "public/django-ca/sha1.csr.pem": "SHA-1 is taken as proof of possession of an RSA key",
    "public/django-ca/all-extensions.der": "it asks for nothing, whatever its name says: its attributes are empty",
}
SHA1 = {file for file, why in ACCEPTED_ALL_THE_SAME.items() if why.startswith("SHA-1")}


@dataclass(frozen=True, slots=True)
class Row:
    """One file of the corpus, and what the index says of it."""

    file: str
    form: str
    stage: str
    must: str

    @property
    def text(self) -> str:
        """What a client would send."""
        data = (CORPUS / self.file).read_bytes()
        if self.form == "b64":
            return data.decode()
        return send(pem(data) if self.form == "der" else data)

    @property
    def is_for_us(self) -> bool:
        """Whether its subject is the expected one, or wrong on purpose."""
        return self.file.startswith("generated/")


def read_index() -> list[Row]:
    """The rows of the index; none where there is no corpus."""
    if not INDEX.exists():
        return []
    with INDEX.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Row(row["file"], row["form"], row["stage"], row["strict_ca_must"]) for row in rows]


ROWS = read_index()


class AnySubject(SubjectPolicy):
    """A policy that asks for no subject, so that a CSR from elsewhere is judged by everything else."""

    def check(self, name: bytes, common_name: str) -> x509.Name:
        """Whatever the CSR's subject, our own."""
        return self.name(common_name)


ANY_SUBJECT = AnySubject("Org", "OrgUnit", "locality", "province", "DE")


def answer(row: Row, policy: CSRPolicy) -> VerifiedRequest | type[BadCSR]:
    """The request, or the kind of refusal: the same on three tries, each in less than a second of one processor."""
    answers: list[VerifiedRequest | type[BadCSR]] = []
    messages = set()
    for _ in range(3):
        started = process_time()
        try:
            answers.append(verify(row.text, policy=policy, common_name=COMMON_NAME))
            messages.add("")
        except BadCSR as refusal:
            answers.append(type(refusal))
            messages.add(str(refusal))
        assert process_time() - started < 1
    assert len(messages) == 1
    return answers[0]


@pytest.mark.parametrize("files", [len(ROWS)], ids=[f"{len(ROWS)} files" if ROWS else "corpus absent, nothing run"])
def test_what_was_run(files: int) -> None:
    """Either the whole corpus is run, each of its files, or it is not there at all."""
    found = {str(path.relative_to(CORPUS)) for path in CORPUS.rglob("*") if path.is_file()} - {"index.tsv"}
    assert found == {row.file for row in ROWS}
    assert len(found) == files


if ROWS:
    each_file = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.file)
    each_of_ours = pytest.mark.parametrize("row", [row for row in ROWS if row.is_for_us], ids=lambda row: row.file)

    @each_file
    def test_strict_answer(row: Row) -> None:
        """With our subject and extensions refused: what must be refused is, and what must be accepted is if it is ours.

        The others are left to policy; their answer is the same each time.
        """
        answered = answer(row, CSRPolicy(SUBJECT, refuses=UNGRANTED))
        if row.must == "reject":
            assert not isinstance(answered, VerifiedRequest)
        elif row.must == "accept" and row.is_for_us:
            assert isinstance(answered, VerifiedRequest)

    @each_file
    def test_whatever_the_subject(row: Row) -> None:
        """A CSR for another organization is refused for its own fault too, or has none but its subject."""
        answered = answer(row, CSRPolicy(ANY_SUBJECT, refuses=UNGRANTED))
        if row.must == "reject" and row.stage != "subject":
            assert isinstance(answered, VerifiedRequest) == (row.file in ACCEPTED_ALL_THE_SAME)
        elif row.must == "accept":
            assert isinstance(answered, VerifiedRequest)

    @each_file
    def test_without_sha1(row: Row) -> None:
        """Where SHA-1 is switched off, what the index refuses for SHA-1 alone is refused as well."""
        answered = answer(row, CSRPolicy(ANY_SUBJECT, sha1_proof=False, refuses=UNGRANTED))
        if row.file in SHA1:
            assert not isinstance(answered, VerifiedRequest)
        elif row.must == "accept":
            assert isinstance(answered, VerifiedRequest)

    @each_file
    def test_nothing_but_the_key_is_copied(row: Row) -> None:
        """Where extensions are ignored: a certificate holds the file's key, and nothing of what it asks for."""
        answered = answer(row, CSRPolicy(SUBJECT if row.is_for_us else ANY_SUBJECT))
        if isinstance(answered, VerifiedRequest):
            issued = issue(ISSUER, answered, now=NOW)
            assert_golden(issued, spki=spki_of(row.text), issuer=ISSUER, now=NOW)

    @each_of_ours
    def test_ignored_extensions(row: Row) -> None:
        """Where extensions are ignored, only what is refused for them alone is accepted instead."""
        ignored = answer(row, CSRPolicy(SUBJECT))
        refused = answer(row, CSRPolicy(SUBJECT, refuses=UNGRANTED))
        if row.must == "reject" and isinstance(ignored, VerifiedRequest):
            assert row.stage == "extension"
            assert not isinstance(refused, VerifiedRequest)
        elif row.must == "accept":
            assert isinstance(ignored, VerifiedRequest)
