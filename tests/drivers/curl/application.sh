#!/usr/bin/env bash
# The life of an application with curl and openssl alone, in the GraphQL flow: what Compass's documentation shows, and the
# ways in which curl can be told to send it. It works in the present directory.
set -euo pipefail

call() { curl --silent --show-error --fail --cacert "$ROOT" "$@"; }
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
fail() { echo "$1" >&2; exit 1; }
has() { case $2 in *"$1"*) ;; *) fail "no $1 in $2" ;; esac; }

administer() {
    call --header "Authorization: Bearer $ADMIN_KEY" --header "Tenant: $TENANT" --json "{\"query\": \"$1\"}" \
        "$PUBLIC/director/graphql"
}

configuration='query { result: configuration { token { token } certificateSigningRequestInfo { subject keyAlgorithm } managementPlaneInfo { directorURL certificateSecuredConnectorURL } } }'
viewer='{"query": "{ viewer { id type } }"}'
id=$(administer 'mutation { result: registerApplication(in: { name: \"curl\" }) { id } }' | field id)
token=$(administer "mutation { result: requestOneTimeTokenForApplication(id: \\\"$id\\\") { token } }" | field token)

call --header "connector-token: $token" --header 'Content-Type: application/json' \
    --data "{\"query\": \"$configuration\"}" "$PUBLIC/connector/graphql" >told.json
subject=$(field subject <told.json)
secured=$(field certificateSecuredConnectorURL <told.json)
director=$(field directorURL <told.json)
# The token of the answer comes first, and it is the next one.
next=$(sed 's/.*"token":{"token":"\([^"]*\)".*/\1/' told.json)

openssl req -new -newkey rsa:4096 -nodes -keyout first.key -out first.csr -subj "/${subject//,//}" 2>/dev/null
# Base64 in lines of 64 characters, as openssl writes it; within JSON each line end is \n.
wrapped=$(openssl base64 -in first.csr | sed 's/$/\\n/' | tr -d '\n')
sign='mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) { certificateChain caCertificate clientCertificate } }'
call --header "Connector-Token: $next" --json "{\"query\": \"$sign\", \"variables\": {\"csr\": \"$wrapped\"}}" \
    "$PUBLIC/connector/graphql" >signed.json
field certificateChain <signed.json | openssl base64 -d -A >first.pem
openssl verify -CAfile "$ROOT" -untrusted first.pem first.pem
echo 'a certificate, for base64 in lines'

holder() { call --cert first.pem --key first.key "$@"; }
for option in --http1.0 --http1.1 --http2 '--tls-max 1.2' --tlsv1.3 --compressed '--header Expect:100-continue' \
    '--header Transfer-Encoding:chunked' '--header Connection:close' '--user-agent Java/1.8'; do
    # shellcheck disable=SC2086 # an option and its value
    has "\"$id\"" "$(holder $option --json "$viewer" "$director")"
done
has "\"$id\"" "$(holder --get --data-urlencode 'query={ viewer { id type } }' "$director")"
# How many connections each of two requests has opened.
opened=$(holder --output answer.json --write-out '%{num_connects} ' --json "$viewer" "$director" --next --silent \
    --cacert "$ROOT" --cert first.pem --key first.key --output answer.json --write-out '%{num_connects} ' \
    --json "$viewer" "$director")
has '1 0 ' "$opened"
openssl rsa -in first.key -traditional -out pkcs1.key 2>/dev/null
openssl x509 -in first.pem -out leaf.pem
has "\"$id\"" "$(call --cert leaf.pem --key pkcs1.key --json "$viewer" "$director")"
if call --json "$viewer" "$director" 2>refused.txt; then fail 'no certificate was needed'; fi
echo 'each way to send a request; the leaf alone with a key in PKCS #1'

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout second.key -out second.csr \
    -subj "/${subject//,//}" 2>/dev/null
holder --json "{\"query\": \"$sign\", \"variables\": {\"csr\": \"$(openssl base64 -A -in second.csr)\"}}" "$secured" |
    field certificateChain | openssl base64 -d -A >second.pem
has '{"data":{"result":true}}' "$(holder --json '{"query": "mutation { result: revokeCertificate }"}' "$secured")"
has '"errors"' "$(holder --json "$viewer" "$director")"
has "\"$id\"" "$(call --cert second.pem --key second.key --json "$viewer" "$director")"
echo 'renewed with an elliptic key, and the former certificate revoked'
