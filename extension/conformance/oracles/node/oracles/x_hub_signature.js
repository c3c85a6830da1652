// A library that knows the header of several senders by its form, not by their name.

import XHubSignature from "x-hub-signature";

const EITHER_CASE = {
  "hex in capitals": "the library writes small letters and compares texts; Knocker knows nothing of the sender, so it reads either case",
};

// `case`, its header and the hash, and where the library is known to differ from Knocker.
const SENDERS = [
  ["meta", "X-Hub-Signature-256", "sha256"],
  ["intercom", "X-Hub-Signature", "sha1"],
  ["bitbucket", "X-Hub-Signature", "sha256"],
  ["jira", "X-Hub-Signature", "sha256"],
  ["hmac", "X-Hub-Signature", "sha512", EITHER_CASE],
];

export const oracles = SENDERS.map(([name, header, hash, differs = {}]) => ({
  case: name,
  library: "x-hub-signature",
  verify: (request, secret) => new XHubSignature(hash, secret).verify(request.header(header), request.body),
  sign: ({ request, secret }) => request.withHeaders({ [header]: new XHubSignature(hash, secret).sign(request.body) }),
  refusals: /Secret is required/,
  differs,
}));
