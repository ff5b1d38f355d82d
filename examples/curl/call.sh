#!/bin/sh
# Who am I?
set -eu
directory=${CONNECTOR_AGENT_DIR:?names the identity}
# The version that the link leads to now: key and certificate of one and the same renewal.
version=$directory/$(readlink "$directory/current")
director=$(sed -n 's/.*"director": "\([^"]*\)".*/\1/p' "$directory/connection.json")

exec curl --silent --show-error --fail \
    --cacert "$version/ca.crt" --cert "$version/tls.crt" --key "$version/tls.key" \
    --json '{"query": "{ viewer { id type } }"}' "$director"
