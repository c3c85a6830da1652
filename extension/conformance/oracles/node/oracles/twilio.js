// Twilio's own library. It knows no shared keys yet.

import twilio from "twilio";

const { validateRequest, validateRequestWithBody, getExpectedTwilioSignature } = twilio;

const isForm = (request) => request.header("Content-Type").includes("form");

// A name that repeats has an array, as in the frameworks.
function parameters(request) {
  const fields = new URLSearchParams(isForm(request) ? request.body : "");
  return Object.fromEntries([...new Set(fields.keys())].map((name) => [name, fields.getAll(name)]));
}

function verify(request, token) {
  const signature = request.header("X-Twilio-Signature");
  if (request.url.includes("bodySHA256=")) return validateRequestWithBody(token, signature, request.url, request.body);
  return validateRequest(token, signature, request.url, parameters(request));
}

function sign({ request, secret }) {
  return request.withHeaders({ "X-Twilio-Signature": getExpectedTwilioSignature(secret, request.url, parameters(request)) });
}

const BLANK = { "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one" };
const SETTINGS = "the library does not read the header that names the algorithm; Knocker does, and the library for Python";

export const oracles = [
  {
    case: "twilio",
    library: "twilio",
    verify,
    sign,
    differs: {
      ...BLANK,
      "an algorithm that nobody supports": SETTINGS,
      "a shared key, as the settings header says": SETTINGS,
    },
  },
  { case: "twilio-json", library: "twilio", verify, sign, differs: BLANK },
];
