// Razorpay's own library.

import Razorpay from "razorpay";

export const oracles = [
  {
    case: "razorpay",
    library: "razorpay",
    verify: (request, secret) => Razorpay.validateWebhookSignature(request.body, request.header("X-Razorpay-Signature"), secret),
    differs: { "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one" },
  },
];
