"""The one map from refusals to the wire."""

import json
from pathlib import Path

import pytest
from tests.support.refusals import all_refusals

from connector.domain.refusals import Refusal, callers, keys, objects, requests, storage, tenants
from connector.web import problems
from connector.web.problems import INTERNAL_MESSAGE, PROBLEMS, body, graphql_error, problem

DOCS = Path(__file__).parents[3] / "docs"
# Branches of the tree that are never raised themselves; the leaves and these two are.
RAISED_BRANCHES = {requests.BadRequest, storage.StorageUnavailable}


def test_every_refusal_has_a_problem() -> None:
    """A new refusal without its place in the map fails the build."""
    leaves = {kind for kind in all_refusals() if not kind.__subclasses__()}

    assert leaves | RAISED_BRANCHES == set(PROBLEMS)


def test_every_code_is_one_refusals() -> None:
    """No two refusals share a code."""
    codes = [kind.code for kind in all_refusals()]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", [ValueError("/etc/secret"), KeyboardInterrupt("/etc/secret"), Refusal("/etc/secret")])
def test_anything_else_is_internal(error: BaseException) -> None:
    """What is no known refusal is answered as internal, its text withheld."""
    assert graphql_error(error)["message"] == INTERNAL_MESSAGE
    assert graphql_error(error)["extensions"]["error"] == "internal"
    assert problem(error).status == 500
    assert "secret" not in json.dumps(body(error))


def test_the_contracts_numbers() -> None:
    """Director clients rely on these numbers (docs/wire-contract.md)."""
    numbers = {
        objects.ObjectNotFound: 20,
        objects.InvalidData: 22,
        callers.InsufficientScopes: 23,
        tenants.TenantRequired: 24,
        tenants.TenantNotFound: 25,
        keys.KeyUnknown: 26,
        objects.NotUniqueName: 31,
    }

    assert {kind: PROBLEMS[kind].error_code for kind in numbers} == numbers


def test_the_page_is_true() -> None:
    """docs/errors.md is what the code says; `make docs` makes it anew."""
    assert (DOCS / "errors.md").read_text() == problems.document()
