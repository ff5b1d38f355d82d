"""An Idempotency-Key is used for a second step."""

from connector.domain.refusals import Refusal


class StepTaken(Refusal):
    """This Idempotency-Key was sent before, with another CSR. Make a new key for each new CSR."""

    code = "idempotency_key_reused"
