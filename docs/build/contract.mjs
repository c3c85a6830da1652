// The contract, and the facts of the providers that are not in it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { docs, repository } from "./project.mjs";

const read = (path) => JSON.parse(readFileSync(path, "utf8"));

export const contract = read(join(repository, "extension/contract/contract.json"));

const facts = new Map(read(join(docs, "build/providers.json")).map((provider) => [provider.name, provider]));
export const providers = contract.providers.map((provider) => ({ ...provider, ...facts.get(provider.name) }));
