// How this runtime signs requests: also for processes that are no test.
export { sign } from "@knocker/bun/testing";
