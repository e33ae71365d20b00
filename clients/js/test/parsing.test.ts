import { expect, test } from "vitest";

import { parseMessage, parseReaderMessage } from "../src/parsing.js";

test("a message of a known type is passed on as it is", () => {
  const text = '{"type":"final","text":"a","added_later":1}';
  expect(parseMessage(text)).toEqual({ type: "final", text: "a", added_later: 1 });
});

test.each(['{"type":"added_later"}', '{"type":"toString"}', "{}"])("%s is ignored", (text) => {
  expect(parseMessage(text)).toBeNull();
});

test.each([
  ["no JSON", "no JSON object: no JSON"],
  ["null", "no JSON object"],
  ["[1]", "no JSON object"],
  ['{"type":"session_created","session_id":"s"}', "unusable session_created"],
  ['{"type":"audio_ack","position":"1"}', "without a position"],
])("%s is refused", (text, why) => {
  expect(() => parseMessage(text)).toThrow(why);
});

test("messages to readers name their call", () => {
  const ended = { type: "session_ended", session_id: "s" };
  expect(parseReaderMessage(JSON.stringify(ended))).toEqual(ended);
  expect(parseReaderMessage('{"type":"added_later"}')).toBeNull();
  expect(() => parseReaderMessage('{"type":"final"}')).toThrow("without its session_id");
});
