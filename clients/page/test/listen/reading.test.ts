import { expect, test } from "vitest";

import type { Turn } from "../../src/listen/entries.js";
import { find, step } from "../../src/listen/find.js";
import { follows } from "../../src/listen/pinning.js";
import { spans, unplaced } from "../../src/listen/spans.js";

const LEG = { session: "c", channel: 0, role: "agent", index: 0 };

function turn(text: string, more: Partial<Turn> = {}): Turn {
  const place = { kind: "turn", key: text, leg: LEG, utterance: 1, at: 0, end: 1 } as const;
  const said = { text, stable: 0, final: true, hits: [], speaker: null };
  return { ...place, ...said, listens: false, hidden: 0, ...more };
}

test("the pieces of a turn make up its text", () => {
  const said = turn("a refund for 🎉 me", { final: false, stable: 14 });
  const pieces = spans(said, [{ key: said.key, from: 0, to: 4 }], 7);
  expect(pieces.map((each) => each.text).join("")).toBe(said.text);
  expect(pieces.filter((each) => each.unstable).map((each) => each.text)).toEqual([" me"]);
  expect(pieces[0]).toMatchObject({ text: "a re", found: 7 });
});

test("a keyword is marked where it stands, also when the final moved it", () => {
  const hits = [{ keyword: "refund", text: "refund", offset: 2 }];
  const marked = spans(turn("I want a refund", { hits })).filter((each) => each.keyword);
  expect(marked.map((each) => each.text)).toEqual(["refund"]);
  expect(unplaced(turn("I want a refund", { hits }))).toEqual([]);
  expect(unplaced(turn("I want a re-fund", { hits }))).toEqual(["refund"]);
});

test("a text is found without regard to case and as it is written", () => {
  const said = [turn("Yes (really). Yes."), turn("nothing")];
  expect(find(said, "yes").map((each) => each.from)).toEqual([0, 14]);
  expect(find(said, "(really).")).toHaveLength(1);
  expect(find([turn("on-line / off")], "n-line /")).toHaveLength(1);
  expect(find(said, "  ")).toEqual([]);
});

test("a step goes around", () => {
  expect([step(-1, 1, 3), step(2, 1, 3), step(0, -1, 3), step(0, 1, 0)]).toEqual([0, 0, 2, -1]);
});

test("a pane follows its end until the reader moves up, whatever is added", () => {
  const end = { top: 900, height: 1000, shown: 100 };
  expect(follows(true, end, { ...end, height: 1400 })).toBe(true);
  expect(follows(true, end, { ...end, top: 700 })).toBe(false);
  expect(follows(false, { ...end, top: 700 }, { ...end, top: 750 })).toBe(false);
  expect(follows(false, { ...end, top: 700 }, { ...end, top: 890 })).toBe(true);
});
