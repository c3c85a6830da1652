// Pages that are made from data.
import { apiPages } from "./api_pages.mjs";
import { providerPages } from "./provider_pages.mjs";
import { referencePages } from "./reference_pages.mjs";

export function generated() {
  return [...providerPages(), ...referencePages(), ...apiPages()];
}
