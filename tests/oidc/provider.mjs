// A real OpenID Connect provider on loopback. Each line on standard input makes a new signing key of that kind;
// each line on standard output says what is done. The end of standard input ends it.

import { randomUUID, webcrypto } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const AUDIENCE = "connector";
const KINDS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  PS256: { name: "RSA-PSS", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
};

// The provider's own remarks must not come between our lines.
console.info = console.error;

let current;

async function makeKey(alg) {
  const pair = await webcrypto.subtle.generateKey(KINDS[alg], true, ["sign", "verify"]);
  const { key_ops, ext, ...jwk } = await webcrypto.subtle.exportKey("jwk", pair.privateKey);
  return { ...jwk, alg, use: "sig", kid: randomUUID() };
}

async function makeProvider(issuer, alg) {
  return new Provider(issuer, {
    jwks: { keys: [await makeKey(alg)] },
    clients: ["ann", "nobody"].map((id) => ({
      client_id: id,
      client_secret: "of the test",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: alg,
    })),
    enabledJWA: { idTokenSigningAlgValues: [alg] },
    extraTokenClaims: (ctx, token) =>
      token.clientId === "ann" ? { tenants: ["acme"], realm_access: { roles: ["operator"] } } : {},
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:connector",
        getResourceServerInfo: () => ({
          scope: "",
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg } },
        }),
      },
    },
  });
}

const server = createServer((request, response) => current.callback()(request, response));
server.listen(0, "127.0.0.1", async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  current = await makeProvider(issuer, process.argv[2] ?? "RS256");
  console.log(issuer);
  for await (const alg of createInterface({ input: process.stdin })) {
    current = await makeProvider(issuer, alg);
    console.log(alg);
  }
  process.exit(0);
});
