import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.consumers import Consumer, MappedSubject, MappedSubjects, tenant_of
from connector.domain.distinguished_names import DistinguishedName, NameAttribute

TENANTS = st.none() | st.frozensets(st.sampled_from(["acme", "globex", "initech"]))
NAMED = st.none() | st.sampled_from(["acme", "globex", "initech", "nobody", ""])
ANN = Consumer("ann", "User", None)


def name(*common_names: str) -> DistinguishedName:
    return DistinguishedName(tuple((NameAttribute("2.5.4.3", each),) for each in common_names))


@given(TENANTS, NAMED)
def test_a_tenant_is_one_that_may_be_entered(tenants: frozenset[str] | None, named: str | None) -> None:
    """Nobody acts in a tenant that they may not enter, or in another than they named, or in one of several unnamed."""
    found = tenant_of(tenants, named)

    if found is not None:
        assert tenants is None or found in tenants
        assert named == found if named is not None else tenants == {found}
    else:
        assert (named is None and (tenants is None or len(tenants) != 1)) or (
            named is not None and tenants is not None and named not in tenants
        )


def test_a_subject_is_mapped_as_a_whole() -> None:
    """Neither a part of the subject nor more than it, nor another order, is mapped."""
    mapped = MappedSubjects([MappedSubject(name("a", "b"), ANN)])

    assert mapped.consumer(name("a", "b"), bytes(32)) == ANN
    assert [mapped.consumer(each, bytes(32)) for each in (name("a"), name("b", "a"), name("a", "b", "b"), name())] == [
        None
    ] * 4


def test_a_refused_certificate_is_not_mapped() -> None:
    """Of the certificates with a subject, those on its list are refused, and no others."""
    mapped = MappedSubjects([MappedSubject(name("a"), ANN, frozenset({bytes(32)}))])

    assert (mapped.consumer(name("a"), bytes(32)), mapped.consumer(name("a"), bytes([1] * 32))) == (None, ANN)


def test_a_subject_is_mapped_once() -> None:
    """Two consumers of one subject are refused: nobody could say which it is."""
    with pytest.raises(ValueError, match="same subject"):
        MappedSubjects([MappedSubject(name("a"), ANN), MappedSubject(name("a"), Consumer("bob", "User", None))])
