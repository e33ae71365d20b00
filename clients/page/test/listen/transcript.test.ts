import { expect, test } from "vitest";

import type { ReaderMessage } from "callscribe";
import { Transcript } from "../../src/listen/transcript.js";
import { CALL, ENDED, created, final, keyword, overlap, partial, revision, slot, started, turnEnded } from "./told.js";

function told(...messages: ReaderMessage[]): Transcript {
  const transcript = new Transcript();
  for (const message of messages) transcript.apply(message);
  return transcript;
}

function texts(transcript: Transcript): string[] {
  return transcript.entries.flatMap((each) => (each.kind === "turn" ? [each.text] : []));
}

test("a final replaces its partials, and a partial that is late changes nothing", () => {
  const transcript = told(
    created(),
    partial(1, 0, 1, "Good"),
    partial(1, 0, 2, "Good mourning"),
    final(1, 0, 2.4, "Good morning."),
    partial(1, 0, 2, "Good mourning"),
  );
  expect(texts(transcript)).toEqual(["Good morning."]);
});

test("turns stand by when they began, not by when they were told", () => {
  const transcript = told(
    created(),
    final(1, 5, 9, "later", { channel: 1 }),
    final(1, 1, 8, "sooner"),
  );
  expect(texts(transcript)).toEqual(["sooner", "later"]);
});

test("all messages told twice leave what once told leaves", () => {
  const messages = [
    created(),
    started(1, 0, 0.5),
    final(1, 0, 2, "One.", { speaker: 0 }),
    keyword(1, "One", 0),
    revision(1, { 1: 1 }),
    { type: "gap", session_id: CALL, channel: 1, start: 2, end: 3 },
    { type: "dtmf", session_id: CALL, channel: 1, digit: "5", at: 3.5 },
    { type: "line", session_id: CALL, channel: 1, problem: "clipping", at: 3.6, level: -3 },
    slot({ value: "42" }),
    overlap({ interrupted: true }),
    { type: "error", session_id: CALL, code: "utterance_failed", message: "utterance 2 failed" },
    ENDED,
  ] satisfies ReaderMessage[];
  expect(told(...messages, ...messages).entries).toEqual(told(...messages).entries);
});

test("answers, interruptions and trouble of the line are marked, each where it was", () => {
  const transcript = told(
    created(),
    slot({ value: "42", is_final: false }),
    slot({ value: "" }),
    slot({ value: "4" }),
    slot({ value: "42" }),
    overlap({ interrupted: false }),
    overlap({ interrupted: true }),
    { type: "line", session_id: CALL, channel: 1, problem: "low_level", at: 0.5, level: -73 },
  );
  const marks = transcript.entries.filter((each) => each.kind !== "turn").slice(1);
  expect(marks.map(({ kind, text, at }) => [kind, text, at])).toEqual([
    ["line", "low_level", 0.5],
    ["interrupted", "0", 1],
    ["slot", "digits 42", 2],
  ]);
});

test("a turn tells that somebody only listens, and how much is hidden", () => {
  const transcript = told(
    created(),
    turnEnded(1, true),
    final(1, 0, 1, "Mm-hm."),
    turnEnded(2, false),
    final(2, 2, 3, "[PHONE]", { redacted: [{ entity: "phone", start: 2, end: 3 }] }),
  );
  const turns = transcript.entries.filter((each) => each.kind === "turn");
  expect(turns.map(({ listens, hidden }) => [listens, hidden])).toEqual([
    [true, 0],
    [false, 1],
  ]);
});

test("a turn tells its speaker, until a revision knows better", () => {
  const speakers = (transcript: Transcript): (number | null)[] =>
    transcript.entries.flatMap((each) => (each.kind === "turn" ? [each.speaker] : []));
  const transcript = told(
    created(),
    final(1, 0, 1, "One.", { speaker: 0 }),
    final(2, 1, 2, "Two.", { speaker: 0 }),
    final(3, 2, 3, "Hm."),
  );
  expect(speakers(transcript)).toEqual([0, 0, null]);
  const [, first, second] = transcript.entries;
  transcript.apply(revision(1, { 1: 0, 2: 1, 9: 1 }));
  expect(speakers(transcript)).toEqual([0, 1, null]);
  expect(transcript.entries[1]).toBe(first);
  expect(transcript.entries[2]).not.toBe(second);
});

test("an open turn that was no speech goes with the next final of its leg", () => {
  const noise = [created(), partial(1, 0, 1, "Hm"), partial(1, 0, 1, "Yes", { channel: 1 })];
  const transcript = told(...noise, final(2, 3, 4, "Hello."));
  expect(texts(transcript)).toEqual(["Yes", "Hello."]);
});

test("an empty final removes its turn", () => {
  expect(texts(told(created(), partial(1, 0, 1, "Hm"), final(1, 0, 1, "")))).toEqual([]);
});

test("the end of a call removes what is open and stands behind everything", () => {
  const transcript = told(created(), final(1, 0, 2, "Bye."), partial(2, 3, 4, "Hm"), ENDED);
  expect(transcript.entries.map((each) => each.kind)).toEqual(["begun", "turn", "ended"]);
  expect(transcript.openSpeech).toEqual([]);
});

test("calls of one name stand on one axis, which begins with the first of them", () => {
  const other = "d".repeat(32);
  const transcript = told(
    created({ started: 1_010, channels: 1, channel_labels: ["caller"] }),
    final(1, 1, 2, "second"),
    created({ session_id: other, started: 1_000, channels: 1, channel_labels: ["agent"] }),
    final(1, 4, 5, "first", { session_id: other }),
  );
  const turns = transcript.entries.filter((each) => each.kind === "turn");
  expect(turns.map((turn) => [turn.text, turn.at])).toEqual([
    ["first", 4],
    ["second", 11],
  ]);
  expect(transcript.began).toBe(1_000);
  expect(transcript.reached).toBe(12);
  expect(transcript.legs.map((leg) => leg.role)).toEqual(["caller", "agent"]);
});

test("a final is reported as news only where its turn was open here before", () => {
  const transcript = told(created(), started(2, 5, 5.5));
  expect(transcript.apply(final(1, 0, 2, "backfilled"))).toBeNull();
  expect(transcript.apply(final(2, 5, 7, "live"))?.text).toBe("live");
  expect(transcript.apply(final(2, 5, 7, "live"))).toBeNull();
});

test("keywords of a partial stay with its final", () => {
  const messages = [partial(1, 0, 1, "refund"), keyword(1, "refund", 0), final(1, 0, 2, "Refund.")];
  const [, turn] = told(created(), ...messages).entries;
  expect(turn).toMatchObject({ text: "Refund.", hits: [{ keyword: "refund", offset: 0 }] });
});

test("messages of a call that was not announced are left out", () => {
  expect(told(final(1, 0, 1, "Who?")).entries).toEqual([]);
});

test("an entry that nothing changed stays the same object", () => {
  const transcript = told(created(), final(1, 0, 1, "One."));
  const before = transcript.entries[1];
  transcript.apply(final(2, 2, 3, "Two."));
  expect(transcript.entries[1]).toBe(before);
});
