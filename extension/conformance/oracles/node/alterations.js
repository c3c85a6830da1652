// Requests and secrets with one byte changed: what both sides must refuse.

import { Location } from "./case.js";
import { decode, encode } from "./signer.js";

/** Every alteration of a signed request: body, timestamp, signature and secret, and whatever else the case says is signed. */
export function* alterations(testCase, request) {
  const { secret, signature } = testCase;
  if (testCase.signedBody !== null) {
    for (const [place, body] of flippedBody(request.body, testCase.signedBody)) {
      yield { name: `body ${place}`, request: request.with({ body }), secret };
    }
  }
  if (testCase.timestamp) {
    const text = testCase.timestamp.read(request);
    yield { name: "timestamp", request: testCase.timestamp.write(request, flip(text, text.length - 1)), secret };
  }
  for (const [place, text] of flippedCode(signature.encoding, signature.read(request))) {
    yield { name: `signature ${place}`, request: signature.write(request, text), secret };
  }
  const plain = secret.slice(testCase.secretPrefix.length * Number(secret.startsWith(testCase.secretPrefix)));
  for (const [place, text] of flippedCode(testCase.secretForm, plain)) {
    yield { name: `secret ${place}`, request, secret: testCase.secretPrefix + text };
  }
  for (const part of testCase.alsoSigned) yield { name: part, request: flippedPart(part, request), secret };
}

function flippedPart(part, request) {
  if (part === "url") return request.with({ url: flip(request.url, request.url.split("?")[0].length - 1) });
  if (part === "method") return request.with({ method: flip(request.method, 1) });
  const location = new Location({ header: part.replace("header ", ""), match: "(.+)" });
  const value = location.read(request);
  return location.write(request, flip(value, value.length - 1));
}

function flip(text, index) {
  return text.slice(0, index) + String.fromCharCode(text.charCodeAt(index) ^ 1) + text.slice(index + 1);
}

function places(length) {
  const named = Object.entries({ start: 0, middle: length >> 1, end: length - 1 });
  return named.filter(([, index], order) => named.findIndex(([, other]) => other === index) === order);
}

// One bit of one ASCII character inside the part that is signed, so that the body stays valid UTF-8.
function* flippedBody(body, signed) {
  const found = new RegExp(signed, "ds").exec(body);
  if (!found) throw new Error(`${signed} is not in the body ${body}`);
  const [start, end] = found.indices.at(-1);
  for (const [place, offset] of places(end - start)) {
    let index = start + offset;
    while (body.charCodeAt(index) > 127) index -= 1;
    yield [place, flip(body, index)];
  }
}

// One bit of the bytes that the text stands for, written in its encoding again.
function* flippedCode(encoding, text) {
  const plain = decode(encoding, text);
  for (const [place, index] of places(plain.length)) {
    const altered = Buffer.from(plain);
    altered[index] ^= 1;
    yield [place, encode(encoding, altered)];
  }
}
