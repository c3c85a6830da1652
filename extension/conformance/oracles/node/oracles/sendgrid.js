// SendGrid's own library.

import sendgrid from "@sendgrid/eventwebhook";

const { EventWebhook, EventWebhookHeader } = sendgrid;

function verify(request, secret) {
  const webhook = new EventWebhook();
  const [signature, timestamp] = [EventWebhookHeader.SIGNATURE(), EventWebhookHeader.TIMESTAMP()].map((name) => request.header(name));
  return webhook.verifySignature(webhook.convertPublicKeyToECDSA(secret), request.body, signature, timestamp);
}

// Bytes that are no signature or no key raise a plain Error with a text for each way of being wrong.
export const oracles = [{ case: "sendgrid", library: "@sendgrid/eventwebhook", verify, refusals: /^Error: / }];
