import type { CallEvent, WordsMessage } from "callscribe";
import { expect, test } from "vitest";

import { EMPTY, heard, plainText, type Transcript, type Turn } from "../../src/speak/transcript.js";

const partial = (utterance: number, text: string, more = {}): CallEvent =>
  ({ type: "partial", channel: 0, utterance, start: utterance, end: utterance + 0.5, text, stable: 0, ...more }) as CallEvent;
const final = (utterance: number, text: string, more = {}): CallEvent =>
  ({ type: "final", channel: 0, utterance, seq: utterance, start: utterance, end: utterance + 0.9, text, ...more }) as CallEvent;
const keyword = (utterance: number, text: string, offset = 0): CallEvent =>
  ({ type: "keyword", channel: 0, utterance, keyword: text, text, offset, start: 0, end: 1 }) as CallEvent;
const after = (...events: CallEvent[]): Transcript => events.reduce(heard, EMPTY);
const turns = ({ items }: Transcript): Turn[] => items.filter((each) => each.kind === "turn");

test("a partial replaces the one before, and the final takes its place", () => {
  const open = after(partial(1, "Tha"), partial(1, "Thank", { stable: 3 }));
  expect(open.open.map((each) => [each.text, each.stable, each.final])).toEqual([["Thank", 3, false]]);
  const done = heard(open, final(1, "Thank you.", { language: "English" }));
  expect(done.open).toEqual([]);
  expect(turns(done).map((each) => [each.text, each.language, each.final])).toEqual([
    ["Thank you.", "English", true],
  ]);
});

test("the answer to a flush of nothing is no turn", () => {
  expect(after(final(1, ""))).toEqual(EMPTY);
});

test("an utterance that turns out empty is no longer open", () => {
  expect(after(partial(1, "uh"), final(1, "")).open).toEqual([]);
});

test("turns stand in the order in which they began, whoever ended first", () => {
  const text = after(final(3, "late"), final(1, "early", { channel: 1 }), final(2, "between"));
  expect(turns(text).map((each) => each.text)).toEqual(["early", "between", "late"]);
});

test("both legs can be open, in their order", () => {
  const text = after(partial(1, "b", { channel: 1, label: "customer" }), partial(4, "a"));
  expect(text.open.map((each) => [each.channel, each.label])).toEqual([[0, ""], [1, "customer"]]);
});

test("a keyword told of a partial stays marked in its final, and is not doubled", () => {
  const text = after(partial(1, "Northwind"), keyword(1, "Northwind"), partial(1, "Northwind en"),
    final(1, "Northwind Energy"));
  expect(turns(text)[0]!.hits).toHaveLength(1);
});

test("a keyword told after the final marks it", () => {
  expect(turns(after(final(1, "Northwind"), keyword(1, "Northwind")))[0]!.hits).toHaveLength(1);
});

test("words come with their final, or later", () => {
  const words = [{ word: "Hi", start: 1, end: 1.2, probability: 0.9 }];
  expect(turns(after(final(1, "Hi", { words })))[0]).toMatchObject({ words, pending: false });
  const waiting = after(final(1, "Hi", { words_pending: true }));
  expect(turns(waiting)[0]).toMatchObject({ words: null, pending: true });
  const event = { type: "words", channel: 0, utterance: 1, seq: 2, words } as unknown as WordsMessage;
  expect(turns(heard(waiting, event))[0]).toMatchObject({ words, pending: false });
  const without = { ...event, words: null, words_unavailable: "no aligner" };
  expect(turns(heard(waiting, without))[0]).toMatchObject({ words: null, pending: false, unavailable: "no aligner" });
});

test("gaps and digits stand at their time, once", () => {
  const gap: CallEvent = { type: "gap", channel: 0, start: 1.5, end: 2.5 };
  const text = after(final(1, "a"), final(3, "b"), gap, gap, { type: "dtmf", channel: 1, digit: "#", at: 2 });
  expect(text.items.map((each) => each.kind)).toEqual(["turn", "gap", "dtmf", "turn"]);
});

test("trouble of the line and interruptions stand at their time", () => {
  const overlap = { type: "turn_overlap", channel: 1, turn: 1, other_channel: 0, other_turn: 1 };
  const interrupted = (yes: boolean): CallEvent =>
    ({ ...overlap, start: 2, end: 2.5, interrupted: yes }) as unknown as CallEvent;
  const line: CallEvent = { type: "line", channel: 0, problem: "clipping", at: 1.5, level: -3 };
  const text = after(final(1, "a"), interrupted(false), interrupted(true), line);
  expect(text.items.map((each) => each.kind === "turn" ? each.text : [each.kind, each.about])).toEqual([
    "a", ["line", "clipping"], ["interrupted", "0"],
  ]);
});

test("a turn tells that somebody only listens, and how much is hidden", () => {
  const ended = { type: "turn_ended", channel: 0, utterance: 1, turn: 1, backchannel: true } as CallEvent;
  const redacted = [{ entity: "phone", start: 1, end: 2 }];
  const text = after(partial(1, "mm"), ended, final(1, "Mm-hm."), final(2, "Call [PHONE].", { redacted }));
  expect(turns(text).map(({ listens, hidden }) => [listens, hidden])).toEqual([[true, 0], [false, 1]]);
  expect(text.signs).toEqual([]);
});

test("a turn tells its speaker, until a revision knows better", () => {
  const text = after(partial(1, "He"), final(1, "Hello.", { speaker: 0, label: "room" }),
    final(1, "Hi.", { channel: 1, speaker: 1 }), final(2, "Yes."));
  expect(turns(text).map((each) => each.speaker)).toEqual([0, 1, null]);
  expect(plainText(text)).toBe("room, speaker 0: Hello.\nspeaker 1: Hi.\nYes.");
  const revision = { type: "speaker_revision", channel: 0, revision: 1, utterances: [
    { utterance: 1, speaker: 2, speakers: [] }, { utterance: 9, speaker: 2, speakers: [] },
  ] } as unknown as CallEvent;
  const corrected = heard(text, revision);
  expect(turns(corrected).map((each) => each.speaker)).toEqual([2, 1, null]);
  expect(corrected.items[1]).toBe(text.items[1]);
});

test("speech events change nothing, and nothing is changed in place", () => {
  const before = after(final(1, "a"));
  const copy = structuredClone(before);
  const started = { type: "speech_started", channel: 0, utterance: 2, start: 2, at: 2.2 } as CallEvent;
  expect(heard(before, started)).toBe(before);
  heard(before, final(2, "b"));
  heard(before, keyword(1, "a"));
  expect(before).toEqual(copy);
});

test("the text for the clipboard names who speaks", () => {
  const text = after(final(1, "Hello.", { label: "agent" }), final(2, "Hi.", { channel: 1, label: "customer" }), partial(3, "an"));
  expect(plainText(text)).toBe("agent: Hello.\ncustomer: Hi.");
  expect(plainText(after(final(1, "Hello.")))).toBe("Hello.");
});
