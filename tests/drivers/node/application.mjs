// The life of a Node application connector, in the flow that the argument names: compass (GraphQL) or kyma (legacy REST).

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { administer, apollo, refused, send } from "./calls.mjs";
import { attributes, makeRequest } from "./csr.mjs";

const CONFIGURATION = `{
  result: configuration {
    token {
      token
      __typename
    }
    certificateSigningRequestInfo {
      subject
      keyAlgorithm
      __typename
    }
    managementPlaneInfo {
      directorURL
      certificateSecuredConnectorURL
      __typename
    }
    __typename
  }
}
`;
const SIGN = `mutation ($csr: String!) {
  result: signCertificateSigningRequest(csr: $csr) {
    certificateChain
    caCertificate
    clientCertificate
    __typename
  }
}
`;
const REVOKE = `mutation {
  result: revokeCertificate
}
`;
const INFORMATION = `query ($appId: ID!) {
  application(id: $appId) {
    eventingConfiguration {
      defaultURL
      __typename
    }
    __typename
  }
}
`;
const VIEWER = `{
  viewer {
    id
    type
    __typename
  }
}
`;

const say = (line) => console.log(line);
const FORBIDDEN = "invalid token or certificate";

// What is stored of an answer: the chain as it is, with its key.
function keep(chain, key) {
  const cert = Buffer.from(chain, "base64").toString();
  assert.equal(cert.match(/-----BEGIN CERTIFICATE-----/g).length, 2);
  return { cert, key };
}

// A renewal takes the subject of the present certificate, attribute by attribute.
function subjectOf(identity) {
  return new X509Certificate(identity.cert).subject.split("\n")
    .map((pair) => ({ shortName: pair.split("=")[0], value: pair.split("=")[1] }));
}

async function register(name, labels = "") {
  const { id } = await administer(`mutation { result: registerApplication(in: { name: "${name}", ${labels}}) { id __typename } }`);
  return id;
}

async function pairing(id) {
  return administer(`mutation { result: requestOneTimeTokenForApplication(id: "${id}") {
    token connectorURL legacyConnectorURL rawEncoded __typename } }`);
}

async function signByGraphQL(url, subject, credential) {
  const { key, csr } = makeRequest(subject);
  const { result } = await apollo(url, SIGN, { variables: { csr: Buffer.from(csr).toString("base64") }, ...credential });
  assert.equal(result.__typename, "CertificationResult");
  return keep(result.certificateChain, key);
}

async function compass() {
  const id = await register("node-compass");
  const { rawEncoded } = await pairing(id);
  const { token, connectorURL } = JSON.parse(Buffer.from(rawEncoded, "base64").toString());
  const { result: told } = await apollo(connectorURL, CONFIGURATION, { headers: { "connector-token": token } });
  const { directorURL, certificateSecuredConnectorURL: secured } = told.managementPlaneInfo;
  assert.ok(new URL(directorURL).protocol === "https:" && new URL(secured).protocol === "https:");
  assert.equal(told.__typename, "Configuration");
  await refused(apollo(connectorURL, CONFIGURATION, { headers: { "connector-token": token } }), "token");
  await refused(apollo(connectorURL, CONFIGURATION), "Connector-Token");

  const subject = attributes(told.certificateSigningRequestInfo.subject);
  const spoilt = subject.map(({ shortName, value }) => ({ shortName, value: shortName === "CN" ? "other" : value }));
  const next = { headers: { "connector-token": told.token.token } };
  await refused(signByGraphQL(connectorURL, spoilt, next), "CSR: Invalid common name provided.");
  const first = await signByGraphQL(connectorURL, subject, next);
  say("a certificate, for a CSR signed with SHA-1");

  const { application } = await apollo(directorURL, INFORMATION, { variables: { appId: id }, identity: first });
  assert.equal(application.eventingConfiguration.defaultURL.replace("x", "x"), "");
  const { viewer } = await apollo(directorURL, VIEWER, { identity: first });
  assert.deepEqual(viewer, { id, type: "APPLICATION", __typename: "Viewer" });
  const { result: again } = await apollo(secured, CONFIGURATION, { identity: first });
  assert.deepEqual(again.managementPlaneInfo, told.managementPlaneInfo);
  const second = await signByGraphQL(secured, subjectOf(first), { identity: first });
  assert.deepEqual(subjectOf(second), subjectOf(first));
  say("information, and a renewal with the subject of the certificate");

  assert.deepEqual(await apollo(secured, REVOKE, { identity: first }), { result: true });
  await refused(apollo(secured, CONFIGURATION, { identity: first }), "revoked");
  await refused(apollo(directorURL, INFORMATION, { variables: { appId: id }, identity: first }), "revoked");
  await apollo(secured, CONFIGURATION, { identity: second });
  say("revoked, and the renewed certificate is not");
}

// A JSON answer of the legacy API with this status.
async function legacy(method, url, status, { body, identity, headers = {} } = {}) {
  const json = body === undefined ? undefined : JSON.stringify(body);
  const type = json === undefined ? {} : { "Content-Type": "application/json" };
  const got = await send(method, url, { headers: { Accept: "application/json", ...type, ...headers }, body: json, identity });
  assert.equal(got.status, status, got.text);
  if (got.text === "") return undefined;
  assert.equal(got.headers["content-type"], "application/json;charset=UTF-8");
  return JSON.parse(got.text);
}

async function signByREST(url, subject, identity) {
  const { key, csr } = makeRequest(subject);
  const issued = await legacy("POST", url, 201, { body: { csr: Buffer.from(csr).toString("base64") }, identity });
  assert.deepEqual(Object.keys(issued), ["crt", "clientCrt", "caCrt"]);
  return keep(issued.crt, key);
}

async function kyma() {
  const id = await register("Node Kyma", "labels: { legacy: true }");
  const { legacyConnectorURL } = await pairing(id);
  const info = await legacy("GET", legacyConnectorURL, 200);
  assert.deepEqual(await legacy("GET", legacyConnectorURL, 403), { code: 403, error: FORBIDDEN });
  assert.equal(info.certificate["key-algorithm"], "rsa2048");
  assert.equal(info.certificate.extensions, "");
  const first = await signByREST(info.csrUrl, attributes(info.certificate.subject));
  assert.equal((await legacy("POST", info.csrUrl, 403, { body: { csr: "" } })).error, FORBIDDEN);
  say("a certificate, for a CSR signed with SHA-1");

  const managed = await legacy("GET", info.api.infoUrl, 200, { identity: first });
  assert.equal(managed.clientIdentity.application, "mp-node-kyma");
  assert.equal(managed.urls.eventsUrl.replace("/events", ""), "");
  assert.equal(managed.urls.revocationCertUrl, undefined);
  assert.deepEqual(managed.certificate, info.certificate);
  const second = await signByREST(managed.urls.renewCertUrl, subjectOf(first), first);
  assert.deepEqual(subjectOf(second), subjectOf(first));
  say("information, and a renewal with the subject of the certificate");

  assert.equal(await legacy("POST", managed.urls.revokeCertUrl, 201, { identity: first }), undefined);
  assert.equal((await legacy("GET", info.api.infoUrl, 403, { identity: first })).error, FORBIDDEN);
  await legacy("GET", info.api.infoUrl, 200, { identity: second });
  say("revoked, and the renewed certificate is not");
}

await { compass, kyma }[process.argv[2]]();
