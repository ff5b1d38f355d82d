"""What operators can do in `make torture`, small."""

from torture.scenarios import operators
from torture.sites import Site


def test_an_operators_input_breaks_no_page(site: Site) -> None:
    """No text in any form, no cursor and no body brings a 5xx, and every page is served to everybody after it (S25)."""
    counts = operators.bad_input(site, typed=1)

    assert counts["forms sent"] > 50
    assert counts["answers of 5xx"] == 0


def test_no_answer_repeats_a_value_or_tells_a_name(site: Site) -> None:
    """No error about a document repeats a value of it; a refused sign-in writes the same for every name (S26)."""
    counts = operators.repeats(site, attempts=2)

    assert counts["values repeated"] == 0
    assert counts["wrong documents"] > 10
