import { expect, test } from "vitest";

import { heard, NOTHING_SAID } from "../src/transcript.js";
import type { ServerMessage } from "../src/messages.js";
import { error, final, partial, revision, words } from "./said.js";

const after = (...messages: ServerMessage[]) => messages.reduce(heard, NOTHING_SAID);

test("a final takes the place of its partial, and of no later one", () => {
  const open = after(partial({ text: "a" }), partial({ channel: 1, text: "b" }));
  expect([...open.partials.values()].map((each) => each.text)).toEqual(["a", "b"]);
  const said = heard(open, final({ text: "A." }));
  expect([...said.partials.keys()]).toEqual([1]);
  expect(said.finals.map((each) => each.text)).toEqual(["A."]);
  const late = after(partial({ utterance: 2 }), final({ utterance: 1 }));
  expect(late.partials.size).toBe(1);
});

test("an empty final is not shown", () => {
  expect(after(final({ text: "" })).finals).toEqual([]);
});

test("late words go to their final", () => {
  const word = { word: "A", start: 0, end: 1, probability: 1 };
  const said = after(final(), final({ utterance: 2, seq: 2 }), words({ words: [word] }));
  expect(said.finals.map((each) => each.words)).toEqual([[word], undefined]);
});

test("what changes nothing gives the same transcript", () => {
  const said = after(final());
  expect(heard(said, error("option_fixed"))).toBe(said);
});

test("a revision gives finals and their words other speakers", () => {
  const word = { word: "A", start: 0.6, end: 1, probability: 1, speaker: 0 };
  const said = after(final({ words: [word], speaker: 0 }), final({ utterance: 2, seq: 2 }));
  const speakers = [
    { speaker: 0, start: 0, end: 0.5 },
    { speaker: 1, start: 0.6, end: 1 },
  ];
  const now = heard(said, revision([{ utterance: 1, speaker: 1, speakers }]));
  expect(now.finals.map((each) => each.speaker)).toEqual([1, undefined]);
  expect(now.finals[0]?.words).toEqual([{ ...word, speaker: 1 }]);
  expect(heard(said, revision([], 1)).finals).toEqual(said.finals);
});
