import { ERROR_CODES } from "callscribe";
import { expect, test } from "vitest";

import { problemOf, refusalText, refusedBy, warningText } from "../../src/speak/problems.js";
import { strings } from "../../src/strings.js";

const { failures } = strings.speak;
const error = (code: string, message: string) => ({ type: "error", code, message }) as const;

test("every failure says what happened and what to do", () => {
  for (const code of [...ERROR_CODES, "permission_denied", "something_new"]) {
    const { what, todo, detail } = problemOf({ code: code as "refused", message: "m" });
    expect(what).toMatch(/\.$/);
    expect(todo.length).toBeGreaterThan(20);
    expect(detail).toBe("m");
  }
});

test("known failures are told apart from others", () => {
  const whatOf = (code: string) => problemOf({ code: code as "refused", message: "" }).what;
  expect(whatOf("device_busy")).toBe(failures.device_busy[0]);
  expect(whatOf("invalid_option")).toBe(failures.option[0]);
  expect(whatOf("resume_unknown")).toBe(failures.session_lost[0]);
  expect(whatOf("revoked_key")).toBe(failures.key[0]);
  expect(whatOf("spent_token")).toBe(failures.token[0]);
  expect(whatOf("scope")).toBe(failures.scope[0]);
  expect(whatOf("internal_error")).toBe(failures.other[0]);
});

test("a refusal names its option, not those that could change", () => {
  expect(refusedBy(error("unknown_language", "language: 'klingon' is not known"))).toEqual(["language"]);
  const fixed = "denoise cannot change during a session; language, context can";
  expect(refusedBy(error("option_fixed", fixed))).toEqual(["denoise"]);
  const both = "min_speech_duration (40 s) must be less than max_utterance (30 s)";
  expect(refusedBy(error("invalid_option", both))).toEqual(["min_speech_duration", "max_utterance"]);
  expect(refusedBy(error("invalid_option", "keywords must be a list"))).toEqual(["keywords"]);
});

test("a refusal does not list all languages", () => {
  expect(refusalText(error("unknown_language", "known are Arabic, Czech"))).not.toContain("Czech");
  expect(refusalText(error("invalid_option", "keywords must be a list"))).toBe("keywords must be a list");
});

test("other warnings refuse nothing", () => {
  expect(refusedBy(error("utterance_failed", "words were lost"))).toBeNull();
});

test("warnings are told in plain words, unknown ones in the server's", () => {
  expect(warningText(error("denoise_unavailable", "x"))).toBe(strings.speak.warnings.denoise_unavailable);
  expect(warningText(error("new_one", "The moon is full."))).toContain("The moon is full.");
});
