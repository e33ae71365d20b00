import { expect, test } from "vitest";

import { closingFailure, isPassing, RETRY_AFTER_S } from "../src/closing.js";
import { error } from "./said.js";

test("1000 is an orderly end", () => {
  expect(closingFailure(1000, "finished", null)).toBeNull();
});

test.each([
  [1006, "", null, "disconnected", true],
  [1001, "", null, "disconnected", true],
  [1011, "keepalive ping timeout", null, "disconnected", true],
  [1011, "internal_error", error("internal_error"), "disconnected", true],
  [1012, "going_away", error("going_away"), "going_away", true],
  [1013, "unavailable", error("unavailable"), "unavailable", true],
  [1013, "at_capacity", error("at_capacity"), "at_capacity", true],
  [1008, "slow_consumer", null, "disconnected", true],
  [1008, "resume_unknown", error("resume_unknown"), "session_lost", false],
  [1011, "session_lost", error("session_lost"), "session_lost", false],
  [1008, "resumed_elsewhere", null, "resumed_elsewhere", false],
  [1008, "invalid_option", error("invalid_option"), "invalid_option", false],
  [1011, "unfinished", error("unfinished"), "unfinished", false],
  [1007, "invalid_utf8", null, "protocol", false],
] as const)("close %i %s means a failure", (close, reason, said, code, passes) => {
  const failure = closingFailure(close, reason, said);
  expect(failure?.code).toBe(code);
  expect(failure && isPassing(failure)).toBe(passes);
});

test("an earlier error that was no reason for the close is not told", () => {
  const failure = closingFailure(1006, "", null);
  expect(failure?.message).toContain("close code 1006");
  expect(closingFailure(1008, "erased", error("option_fixed", "no"))?.code).toBe("erased");
});

test("a refusal says how long to wait", () => {
  const said = { ...error("at_capacity"), retry_after: 2 };
  expect(closingFailure(1013, "at_capacity", said)?.retryAfterS).toBe(2);
  expect(closingFailure(1013, "", null)?.retryAfterS).toBe(RETRY_AFTER_S);
});
