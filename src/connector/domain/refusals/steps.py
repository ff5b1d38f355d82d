"""An Idempotency-Key is used for a second step."""

from connector.domain.refusals import Refusal


class StepTaken(Refusal):
    """This Idempotency-Key was already used for another CSR. Use a new key for each CSR."""

    code = "idempotency_key_reused"
