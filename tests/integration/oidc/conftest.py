from collections.abc import Iterator

import pytest
from tests.integration.oidc.issuer import Issuer, make_key


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with one key."""
    one = Issuer().start()
    one.publish(make_key())
    yield one
    one.stop()
