import type { Call } from "callscribe";
import { expect, test } from "vitest";

import { access, admit } from "../../src/access/access.js";
import { watchCalls } from "../../src/access/watching.js";
import { callInProgress } from "../../src/call_in_progress.js";
import { tab } from "./server.js";

test.each([
  ["revoked_key", "needed"],
  ["spent_token", "given"],
  ["disconnected", "given"],
])("a call that ends with %s leaves the key %s", (code, state) => {
  tab();
  watchCalls();
  admit("cs_key", ["transcribe"]);
  let tell: (state: string) => void = () => undefined;
  const call = {
    failure: { code, message: "why" },
    on: (_: string, listener: typeof tell) => (tell = listener),
  };
  callInProgress.set(call as unknown as Call);
  tell("open");
  expect(access.value.state).toBe("given");
  tell("failed");
  expect(access.value.state).toBe(state);
});
