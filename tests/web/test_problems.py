"""The one map from refusals to the wire."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector import errors
from connector.errors import Refusal
from connector.web import problems
from connector.web.problems import INTERNAL_MESSAGE, PROBLEMS, body, graphql_error, problem

DOCS = Path(__file__).parents[2] / "docs"
# Branches of the tree that are never raised themselves; the leaves and these two are.
RAISED_BRANCHES = {errors.BadRequest, errors.StorageUnavailable}


def family(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from family(child)


def test_every_refusal_has_a_problem() -> None:
    """A new refusal without its place in the map fails the build."""
    leaves = {kind for kind in family(Refusal) if not kind.__subclasses__()}

    assert leaves | RAISED_BRANCHES == set(PROBLEMS)


def test_every_code_is_one_refusals() -> None:
    """No two refusals share a code."""
    codes = [kind.code for kind in family(Refusal)]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", [ValueError("/etc/secret"), KeyboardInterrupt("/etc/secret"), Refusal("/etc/secret")])
def test_anything_else_is_internal(error: BaseException) -> None:
    """What is no known refusal is answered as internal, its text withheld."""
    assert graphql_error(error)["message"] == INTERNAL_MESSAGE
    assert graphql_error(error)["extensions"]["error"] == "internal"
    assert problem(error).status == 500
    assert "secret" not in json.dumps(body(error))


def test_the_contracts_numbers() -> None:
    """Director clients go by these numbers (wire contract b.1)."""
    numbers = {
        errors.ObjectNotFound: 20,
        errors.InvalidData: 22,
        errors.InsufficientScopes: 23,
        errors.TenantRequired: 24,
        errors.TenantNotFound: 25,
        errors.KeyUnknown: 26,
        errors.NotUniqueName: 31,
    }

    assert {kind: PROBLEMS[kind].error_code for kind in numbers} == numbers


def test_the_page_is_true() -> None:
    """docs/errors.md is what the code says; `make docs` makes it anew."""
    assert (DOCS / "errors.md").read_text() == problems.document()
