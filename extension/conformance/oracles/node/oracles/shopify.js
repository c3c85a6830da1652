// Shopify's own library.

import "@shopify/shopify-api/adapters/web-api";

import { ApiVersion, LogSeverity, shopifyApi } from "@shopify/shopify-api";

async function verify(request, apiSecretKey) {
  const shopify = shopifyApi({
    apiKey: "test",
    apiSecretKey,
    apiVersion: ApiVersion.January26,
    hostName: "example.com",
    isEmbeddedApp: false,
    logger: { level: LogSeverity.Error },
  });
  const { valid } = await shopify.webhooks.validate({ rawBody: request.body, rawRequest: request.fetched });
  return valid;
}

export const oracles = [{ case: "shopify", library: "@shopify/shopify-api", verify, refusals: /Missing values for: apiSecretKey/ }];
