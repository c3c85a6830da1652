import { hooks } from "../../../lib/hooks.js";

export const POST = (request) => hooks().fetch(request);
