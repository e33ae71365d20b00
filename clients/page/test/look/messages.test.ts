import { expect, test } from "vitest";

import { MessageLog, MOST_LINES, withoutTokens } from "../../src/look/messages/log.js";

function flush(at: number): { direction: "out"; at: number; text: string } {
  return { direction: "out", at, text: '{"type": "flush"}' };
}

test("audio in a row is one line", () => {
  const log = new MessageLog();
  for (let at = 0; at < 5; at += 1) log.add({ direction: "out", at, bytes: 100 });
  log.add(flush(5));
  log.add({ direction: "out", at: 6, bytes: 7 });
  expect(log.lines.map(({ type, count, bytes }) => [type, count, bytes])).toEqual([
    ["audio", 5, 500],
    ["flush", 1, 0],
    ["audio", 1, 7],
  ]);
});

test("the oldest lines are dropped and counted", () => {
  const log = new MessageLog();
  for (let at = 0; at < MOST_LINES + 3; at += 1) log.add(flush(at));
  expect([log.lines.length, log.dropped, log.lines[0]!.at]).toEqual([MOST_LINES, 3, 3]);
});

test("tokens are hidden, however they are spelled", () => {
  const shown = withoutTokens('{"resume_token" : "a\\"b.c", "resume":"d.e","seq": 4}');
  expect(shown).toBe('{"resume_token" : "…", "resume":"…","seq": 4}');
});

test("a long message is cut, and what is no JSON is text", () => {
  const log = new MessageLog();
  log.add({ direction: "in", at: 1, text: "x".repeat(30_000) });
  expect(log.lines[0]).toMatchObject({ type: "text", text: `${"x".repeat(20_000)}…` });
});
