// SendGrid's own library.

import sendgrid from "@sendgrid/eventwebhook";

const { EventWebhook, EventWebhookHeader } = sendgrid;

function verify(request, secret) {
  const webhook = new EventWebhook();
  const [signature, timestamp] = [EventWebhookHeader.SIGNATURE(), EventWebhookHeader.TIMESTAMP()].map((name) => request.header(name));
  return webhook.verifySignature(webhook.convertPublicKeyToECDSA(secret), request.body, signature, timestamp);
}

export const oracles = [{ case: "sendgrid", library: "@sendgrid/eventwebhook", verify }];
