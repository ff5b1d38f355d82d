"""Issued certificates before other people's verifiers, and defective ones before our own check.

openssl, GnuTLS and pkilint each notice other faults, and some faults nobody notices but the golden profile.
"""

import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pkilint import loader, validation
from pkilint.bin import lint_pkix_signer_signee_cert_chain as chain_linter
from pkilint.pkix import certificate as certificate_linter
from pkilint.pkix import extension as extension_linter
from pkilint.pkix import name as name_linter
from tests.support.csr import COMMON_NAME, POLICY, SUBJECT, make_csr, send, verify
from tests.support.golden import assert_golden
from tests.support.issuing import HOLDER, PROFILE, Leaf, fresh_serial, issue, issuer_pem, make_issuer, root_pem
from tests.vectors import certificates, keys
from tests.vectors.catalogue import vectors
from tests.vectors.drafts import Applicant

from connector.pki.authority import ProfileViolation
from connector.pki.exact import check
from connector.pki.issuer import Issuer

CLIENT, SERVER = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Authority:
    """An issuer, what it issued and for which SPKI, and all of it as files."""

    kind: str
    issuer: Issuer
    now: datetime
    issued: list[tuple[Leaf, bytes]]
    directory: Path

    @property
    def root(self) -> Path:
        """The trust anchor."""
        return self.directory / "root.pem"

    @property
    def issuing(self) -> Path:
        """The issuing CA's certificate."""
        return self.directory / "issuing.pem"

    @property
    def leaves(self) -> list[Path]:
        """The issued certificates."""
        return sorted(self.directory.glob("leaf-*.pem"))


def texts(kind: str) -> list[str]:
    """CSRs: one of each accepted key type; and for one issuer, 50 of P-256 and every accepted vector."""
    applicant = Applicant(SUBJECT, COMMON_NAME)
    types = [keys.rsa(bits) for bits in (2048, 3072, 4096, 8192)]
    types += [keys.ecdsa(curve) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)]
    types.append(keys.eddsa25519())
    found = [applicant.draft(key).text() for key in types]
    if kind == "p256":
        found += [send(make_csr(ec.generate_private_key(ec.SECP256R1()))) for _ in range(50)]
        found += [vector.text for vector in vectors(SUBJECT, COMMON_NAME) if vector.refusal is None]
    return found


@pytest.fixture(scope="module", params=["p256", "p384", "rsa3072"])
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for each kind of issuer key, valid now, since that is what verifiers ask."""
    kind = request.param
    now = datetime.now(UTC)
    issuer = make_issuer(kind, now=now)
    requests = [verify(text, policy=POLICY, common_name=COMMON_NAME) for text in texts(kind)]
    issued = [(issue(issuer, verified, now=now), verified.spki) for verified in requests]
    directory = tmp_path_factory.mktemp(kind)
    (directory / "root.pem").write_text(root_pem(issuer))
    (directory / "issuing.pem").write_text(issuer_pem(issuer))
    for number, (leaf, _spki) in enumerate(issued):
        (directory / f"leaf-{number:03}.pem").write_text(leaf.pem)
    return Authority(kind, issuer, now, issued, directory)


@pytest.fixture(scope="module")
def another_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of another CA, which has the same name."""
    path = tmp_path_factory.mktemp("another") / "root.pem"
    path.write_text(root_pem(make_issuer("p256", now=datetime.now(UTC))))
    return path


def test_golden_profile(authority: Authority) -> None:
    """Each certificate is exactly the profile, and no two have one serial number or fingerprint."""
    for issued, spki in authority.issued:
        assert_golden(issued, spki=spki, issuer=authority.issuer, kind=authority.kind, now=authority.now)
    leaves = [issued for issued, _spki in authority.issued]
    assert len({leaf.plan.serial for leaf in leaves}) == len({leaf.fingerprint for leaf in leaves}) == len(leaves)
    assert all(leaf.plan.serial.bit_length() > 64 for leaf in leaves)


# openssl


def openssl_verify(authority: Authority, root: Path, purpose: str) -> subprocess.CompletedProcess[str]:
    """What openssl says of all leaves."""
    command: list[str | Path] = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", root]
    command += ["-untrusted", authority.issuing, *authority.leaves]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)


def test_openssl_accepts_clients(authority: Authority) -> None:
    """Openssl, strictly by RFC 5280, accepts each certificate as a TLS client's."""
    verdict = openssl_verify(authority, authority.root, "sslclient")
    assert verdict.stdout.splitlines() == [f"{leaf}: OK" for leaf in authority.leaves]
    assert verdict.returncode == 0


def test_openssl_refuses_servers(authority: Authority) -> None:
    """Openssl accepts none as a TLS server's."""
    verdict = openssl_verify(authority, authority.root, "sslserver")
    assert verdict.stderr.count("error 26 at 0 depth lookup: unsuitable certificate purpose") == len(authority.leaves)
    assert not verdict.stdout


def test_openssl_refuses_another_root(authority: Authority, another_root: Path) -> None:
    """Openssl accepts none under another CA, though it has the same name."""
    verdict = openssl_verify(authority, another_root, "sslclient")
    assert verdict.stderr.count("verification failed") == len(authority.leaves)
    assert not verdict.stdout


# GnuTLS


def test_certtool_is_installed() -> None:
    """GnuTLS takes part: the tests after this one need its certtool (apt-get install gnutls-bin)."""
    assert shutil.which("certtool"), "certtool is missing: apt-get install gnutls-bin"


def certtool_accepts(chain: str, root: Path, purpose: str) -> bool:
    """Whether GnuTLS accepts the chain for the purpose. Its single lines say "Verified" of refused chains as well."""
    command: list[str | Path] = ["certtool", "--verify", "--verify-profile", "medium", "--load-ca-certificate", root]
    verdict = subprocess.run(
        [*command, "--verify-purpose", purpose],
        input=chain,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    last = verdict.stdout.strip().rpartition("\n")[2]
    return verdict.returncode == 0 and last.startswith("Chain verification output: Verified.")


def test_gnutls(authority: Authority, another_root: Path) -> None:
    """GnuTLS accepts each certificate as a TLS client's, none as a server's, none under another CA."""
    for issued, _spki in authority.issued:
        chain = issued.pem + issuer_pem(authority.issuer)
        assert certtool_accepts(chain, authority.root, CLIENT)
        assert not certtool_accepts(chain, authority.root, SERVER)
        assert not certtool_accepts(chain, another_root, CLIENT)


# pkilint

_CERTIFICATE_LINTER = certificate_linter.create_pkix_certificate_validator_container(
    certificate_linter.create_decoding_validators(
        name_linter.ATTRIBUTE_TYPE_MAPPINGS, extension_linter.EXTENSION_MAPPINGS
    ),
    [
        certificate_linter.create_issuer_validator_container([]),
        certificate_linter.create_validity_validator_container(),
        certificate_linter.create_subject_validator_container([]),
        certificate_linter.create_extensions_validator_container([]),
        certificate_linter.create_spki_validator_container([]),
    ],
)


def findings(results: list[validation.ValidationResult]) -> list[str]:
    """What pkilint finds, from a warning upwards (a lower number is worse)."""
    return [
        str(described)
        for result in results
        for described in result.finding_descriptions
        if described.finding.severity <= validation.ValidationFindingSeverity.WARNING
    ]


def test_pkilint(authority: Authority) -> None:
    """Pkilint, as its lint_pkix_cert does it, finds nothing in any certificate."""
    for issued, _spki in authority.issued:
        document = loader.load_certificate(issued.der, "leaf")
        assert findings(_CERTIFICATE_LINTER.validate(document.root)) == []


def test_pkilint_is_awake() -> None:
    """Pkilint does find what is missing: its silence above means something."""
    for name, draft in certificates.defects(planned(), APPLICANT):
        if name in {"no-aki", "no-ski", "no-purposes", "usage-twice"}:
            document = loader.load_certificate(draft.encoded(), "leaf")
            assert findings(_CERTIFICATE_LINTER.validate(document.root)), name


def test_pkilint_chain(authority: Authority) -> None:
    """Pkilint, as its lint_pkix_signer_signee_cert_chain does it, finds nothing between issuer and certificate."""
    decoding = chain_linter.create_decoder_validation_container()
    of_issuer = chain_linter.create_issuer_validation_container()
    of_subject = chain_linter.create_subject_validation_container()
    for issued, _spki in authority.issued:
        documents: dict[str, loader.RFC5280Certificate] = {}
        load = loader.RFC5280CertificateDocumentLoader().load_der_document
        for name, encoded in (("issuer", authority.issuer.der), ("subject", issued.der)):
            documents[name] = load(encoded, name, name, documents)
        issuer, subject = documents["issuer"].root, documents["subject"].root
        results = decoding.validate(issuer) + decoding.validate(subject)
        results += of_issuer.validate(issuer) + of_subject.validate(subject)
        assert findings(results) == []


# Our own check

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ISSUER_KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = make_issuer(now=NOW, key=ISSUER_KEY)
APPLICANT = Applicant(SUBJECT, COMMON_NAME)
REQUEST = verify(APPLICANT.draft().text(), policy=POLICY, common_name=COMMON_NAME)
PLAN = PROFILE.plan(REQUEST, HOLDER, authority=ISSUER.authority, serial=fresh_serial(NOW), now=NOW)


def planned() -> certificates.CertificateDraft:
    """The planned certificate, written without the code that issues it."""
    assert isinstance(REQUEST.public_key, ec.EllipticCurvePublicKey)
    issuer_key, subject_key = keys.public_bytes(ISSUER_KEY.public_key()), keys.public_bytes(REQUEST.public_key)
    return certificates.CertificateDraft(
        signer=certificates.signer_of(ISSUER_KEY),
        serial=PLAN.serial,
        issuer=ISSUER.certificate.subject.public_bytes(),
        not_before=PLAN.not_before,
        not_after=PLAN.not_after,
        subject=APPLICANT.name,
        spki=keys.ecdsa().spki,
        extensions=certificates.extensions(subject_key, issuer_key),
    )


def test_the_plan_itself_passes() -> None:
    """What is issued is the planned certificate octet for octet, and it passes the check."""
    assert planned().info() == PLAN.to_be_signed()
    check(planned().encoded(), PLAN)


@pytest.mark.parametrize(
    "defective",
    [pytest.param(draft, id=name) for name, draft in certificates.defects(planned(), APPLICANT)],
)
def test_defective_certificates_are_caught(defective: certificates.CertificateDraft) -> None:
    """A certificate with any one defect does not leave, though the issuer signed it."""
    with pytest.raises(ProfileViolation):
        check(defective.encoded(), PLAN)
