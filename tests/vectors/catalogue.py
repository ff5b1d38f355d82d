"""Every vector: hostile, odd and good CSRs, made anew for a subject."""

from tests.vectors import asked, proofs, public_keys, structures, subjects, texts
from tests.vectors.drafts import Applicant, Vector

from connector.pki.names import SubjectPolicy


def vectors(policy: SubjectPolicy, common_name: str) -> list[Vector]:
    """The vectors for one applicant. Keys and ECDSA signatures are random, all else is the same each time."""
    applicant = Applicant(policy, common_name)
    return [
        vector
        for chapter in (texts, structures, public_keys, proofs, subjects, asked)
        for vector in chapter.vectors(applicant)
    ]
