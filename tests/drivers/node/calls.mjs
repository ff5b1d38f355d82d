// Requests as the Node application connector sends them: by fetch where there is no certificate, else by node:https.

import assert from "node:assert/strict";
import https from "node:https";
import { readFileSync } from "node:fs";

const root = readFileSync(process.env.ROOT);
assert.ok(process.env.NODE_EXTRA_CA_CERTS, "fetch takes the root from NODE_EXTRA_CA_CERTS");

// One request, on a connection of its own: { status, headers, text }.
export async function send(method, url, { headers = {}, body, identity } = {}) {
  if (identity === undefined) {
    const got = await fetch(url, { method, headers, body });
    return { status: got.status, headers: Object.fromEntries(got.headers), text: await got.text() };
  }
  return new Promise((resolve, reject) => {
    const options = { method, headers: { Connection: "close", ...headers }, ca: root, cert: identity.cert, key: identity.key };
    const request = https.request(url, options, (got) => {
      let text = "";
      got.setEncoding("utf8");
      got.on("data", (piece) => { text += piece; });
      got.on("end", () => resolve({ status: got.statusCode, headers: got.headers, text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

// As Apollo does: three members, and __typename in every selection.
export async function apollo(url, query, { variables = {}, headers = {}, identity } = {}) {
  const body = JSON.stringify({ operationName: null, variables, query });
  const got = await send("POST", url, {
    headers: { accept: "*/*", "content-type": "application/json", ...headers }, body, identity,
  });
  assert.match(got.headers["content-type"], /^application\/json/);
  const { data, errors } = JSON.parse(got.text);
  if (errors !== undefined) {
    assert.ok(Array.isArray(errors) && errors.length > 0);
    throw Object.assign(new Error(errors.map(({ message }) => message).join("\n")), { name: "GraphQLError", errors });
  }
  assert.equal(got.status, 200);
  return data;
}

// The Director as an administrator calls it.
export async function administer(query, headers = {}) {
  const { result } = await apollo(`${process.env.PUBLIC}/director/graphql`, query, {
    headers: { authorization: `Bearer ${process.env.ADMIN_KEY}`, tenant: process.env.TENANT, ...headers },
  });
  return result;
}

export async function refused(promise, text) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.name, "GraphQLError");
    assert.ok(error.message.includes(text), error.message);
    return true;
  });
}
