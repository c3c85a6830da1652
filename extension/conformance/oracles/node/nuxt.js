// What Nuxt would give its validators: the configuration, and the event that holds the request.

let configuration = {};

/** What Nuxt exports under this name. */
export function useRuntimeConfig() {
  return configuration;
}

/** Runs one validator of `nuxt-webhook-validators` on a request, with these settings of its provider. */
export async function validate(provider, validator, settings, request) {
  const folder = `${process.env.KNOCKER_ORACLES_MODULES}/nuxt-webhook-validators/dist/runtime/server/lib/validators`;
  const module = await import(`file://${folder}/${provider}.js`);
  // Builds take the route's suffix (`mux.post`) off the name.
  configuration = { webhook: { [provider.split(".")[0]]: settings } };
  const { error } = console;
  // A missing setting is raised, and printed as well.
  console.error = () => {};
  try {
    return await module[validator]({ req: request.fetched, node: { req: { headers: request.lowerCased } } });
  } finally {
    console.error = error;
  }
}
