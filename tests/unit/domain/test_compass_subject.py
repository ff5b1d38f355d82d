"""What an import says of a subject that is not the one of Compass's clients."""

import pytest

from connector.domain.compass_subject import warnings

CHART = {
    "organization": "Org",
    "organizational_unit": "OrgUnit",
    "locality": "locality",
    "province": "province",
    "country": "DE",
}
PROGRAM = {**CHART, "locality": "Locality", "province": "State", "country": "PL"}
OTHERS = {field: f"another {field}" for field in CHART}


@pytest.mark.parametrize("ours", [CHART, PROGRAM])
def test_defaults_of_compass_need_no_word(ours: dict[str, str]) -> None:
    """What Compass has by default, and what the old CA or a client has too, is not warned of."""
    assert warnings(ours, ca={}, client=None) == []
    assert warnings(ours, ca=ours, client=None) == []
    assert warnings(ours, ca={}, client=ours) == []
    assert warnings(OTHERS, ca=OTHERS, client=None) == []


@pytest.mark.parametrize("field", CHART)
def test_a_clients_certificate_decides(field: str) -> None:
    """Each attribute that differs from the client's is named with both values and what to set, whatever the CA has."""
    client = {**CHART, field: "another"}
    for ca in ({}, CHART, client):
        (said,) = warnings(CHART, ca=ca, client=client)
        assert f"subject.{field}" in said
        assert f'set {field} = "another"' in said
    assert warnings(client, ca=CHART, client=client) == []
    without = {name: value for name, value in CHART.items() if name != field}
    (said,) = warnings(CHART, ca=CHART, client=without)
    assert f"subject.{field}" in said


@pytest.mark.parametrize("field", CHART)
def test_the_old_ca_and_the_defaults_are_hints(field: str) -> None:
    """Without a client's certificate, a value is warned of that differs from the old CA's, or where that has none from
    Compass's defaults; the next step is to compare.
    """
    for ours, ca in ((CHART, {field: "another"}), ({**CHART, field: "another"}, {})):
        (said,) = warnings(ours, ca=ca, client=None)
        assert f"subject.{field}" in said
        assert "--certificate FILE" in said
        assert "APP_CSR_SUBJECT_" in said
