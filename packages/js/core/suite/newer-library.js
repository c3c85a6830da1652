import assert from "node:assert/strict";

import { VERSION } from "../dist/contract.js";
import { requireVersion } from "../dist/library.js";
import { readReceipt, readRetentionPolicy } from "../dist/records.js";
import { failure } from "./workplace.js";

/** A connection whose library has this version. */
const ofVersion = (version) => ({ all: () => [{ version }] });

/** A library that is newer than the package serves it; an older one is refused. */
export default function newerLibrary(runtime) {
  const { describe, it } = runtime;

  describe("a library of another version", () => {
    it("is taken where it is newer", () => {
      const [major, minor, patch] = VERSION.split(".").map(Number);
      for (const version of [VERSION, `${major}.${minor}.${patch + 1}`, `${major}.${minor}0.0`, `${major + 1}.0.0-rc.1`]) {
        requireVersion(ofVersion(version), "/lib/libknocker.so");
      }
    });

    it("is refused where it is older, with both versions and its path", async () => {
      const error = await failure(() => requireVersion(ofVersion("0.0.9"), "/lib/libknocker.so"));
      assert.deepEqual([error.name, error.code], ["LibraryTooOldError", "library_too_old"]);
      assert.equal(error.message, `/lib/libknocker.so has the version 0.0.9, and this package needs ${VERSION} or a newer one`);
    });

    it("may give receipts fields and words of tomorrow", () => {
      const response = { status: 200, headers: {}, body: "", of_tomorrow: 1 };
      const events = [{ id: 3, duplicate: false, of_tomorrow: 1 }];
      const result = {
        delivery_id: 7,
        outcome: "of_tomorrow",
        event_id: 3,
        events,
        reason: "of_tomorrow",
        detail: null,
        response,
        of_tomorrow: 1,
      };
      assert.deepEqual(readReceipt(result), {
        deliveryId: 7,
        outcome: "of_tomorrow",
        eventId: 3,
        events: [{ id: 3, duplicate: false }],
        reason: "of_tomorrow",
        detail: null,
        response: { status: 200, headers: {}, body: "" },
      });
    });

    it("of before may have stored less of a policy", () => {
      const policy = readRetentionPolicy({ endpoint: null, handled_s: 60, interval_s: 3600, limit: 1000 });
      assert.deepEqual([policy.handledS, policy.deadS], [60, null]);
    });
  });
}
