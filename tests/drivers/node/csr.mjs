// A CSR as node-forge makes it: PrintableString in the subject, an empty set of attributes, SHA-1 with RSA, PEM in CRLF.

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";

const OIDS = {
  CN: [0x55, 0x04, 0x03], C: [0x55, 0x04, 0x06], L: [0x55, 0x04, 0x07],
  ST: [0x55, 0x04, 0x08], O: [0x55, 0x04, 0x0a], OU: [0x55, 0x04, 0x0b],
};
const SHA1_WITH_RSA = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05];
const PRINTABLE_STRING = 0x13;

function der(tag, ...contents) {
  const content = Buffer.concat(contents.map((each) => Buffer.from(each)));
  const length = content.length < 128 ? [content.length]
    : content.length < 256 ? [0x81, content.length]
    : [0x82, content.length >> 8, content.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...contents) => der(0x30, ...contents);
const set = (...contents) => der(0x31, ...contents);
const oid = (octets) => der(0x06, octets);

function pem(label, octets) {
  const lines = octets.toString("base64").match(/.{1,64}/g);
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\r\n");
}

// The clients split the text at commas, and each part at its equals sign.
export function attributes(subject) {
  return subject.split(",").map((pair) => ({ shortName: pair.split("=")[0], value: pair.split("=")[1] }));
}

// The PEM of a new RSA key in PKCS #1, and of its CSR.
export function makeRequest(subject) {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048, privateKeyEncoding: { type: "pkcs1", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const publicKey = createPublicKey(createPrivateKey(privateKey)).export({ type: "spki", format: "der" });
  const name = sequence(...subject.map(({ shortName, value }) =>
    set(sequence(oid(OIDS[shortName]), der(PRINTABLE_STRING, Buffer.from(value, "latin1"))))));
  const information = sequence(der(0x02, [0]), name, publicKey, der(0xa0));
  const signature = sign("sha1", information, privateKey);
  const request = sequence(information, sequence(oid(SHA1_WITH_RSA), der(0x05)), der(0x03, [0], signature));
  return { key: privateKey.replaceAll("\n", "\r\n"), csr: pem("CERTIFICATE REQUEST", request) };
}
