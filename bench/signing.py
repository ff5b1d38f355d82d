"""In-process signing, the ceiling: a CSR read and checked, a certificate built, signed and held to the profile."""

import os
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

from connector.client import make_csr, make_key
from connector.pki.csr import CSRPolicy, verify
from connector.pki.issuer import SERIAL_OCTETS, Issuer, generate_key, make_issuing, make_root, serial_number
from connector.pki.names import SubjectPolicy
from connector.pki.profile import ClientProfile

COMMON_NAME = "00000000-0000-4000-8000-000000000000"
WARM_UP = 200


def issuer(now: datetime) -> Issuer:
    """A throw-away CA."""
    root_key, key = generate_key("p256"), generate_key("p256")
    year = timedelta(days=365)
    root = make_root(root_key, common_name="Bench Root", validity=year, serial=1, now=now)
    certificate = make_issuing(
        root, root_key, key.public_key(), common_name="Bench Issuing", validity=year, serial=2, now=now
    )
    return Issuer(certificate=certificate, key=key, root=root)


def run(core: int, seconds: float) -> float:
    """Operations a second on that core."""
    os.sched_setaffinity(0, {core})
    now = datetime.now(UTC)
    signer, profile = issuer(now), ClientProfile()
    policy = CSRPolicy(SubjectPolicy("Org", "OrgUnit", "locality", "province", "DE"))
    subject = policy.subject.text(COMMON_NAME)
    texts = [b64encode(make_csr(make_key(), subject)).decode() for _ in range(WARM_UP)]
    done = 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds or done < WARM_UP:
        if done == WARM_UP:
            started = time.perf_counter()
        request = verify(texts[done % WARM_UP], policy=policy, common_name=COMMON_NAME)
        serial = serial_number(token_bytes(SERIAL_OCTETS))
        signer.issue(request, profile=profile, serial=serial, now=now)
        done += 1
    return (done - WARM_UP) / elapsed


if __name__ == "__main__":
    print(run(int(sys.argv[1]), float(sys.argv[2])))
