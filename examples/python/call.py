"""Who am I? Asked as often as an identity is renewed, without a restart: ``python call.py [TIMES [SECONDS]]``."""

import json
import os
import sys
import time
from pathlib import Path

import httpx2

from connector.client import following

directory = Path(os.environ["CONNECTOR_AGENT_DIR"])
director = json.loads((directory / "connection.json").read_text())["director"]
times = int(sys.argv[1]) if len(sys.argv) > 1 else 1
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0

with httpx2.Client(transport=following.Transport(directory)) as client:
    for number in range(times):
        if number:
            time.sleep(seconds)
        answer = client.post(director, json={"query": "{ viewer { id type } }"})
        print(json.dumps(answer.json()), flush=True)
