import { expect, test } from "vitest";

import { drawn, ticks } from "../../src/listen/timeline.js";
import { Transcript } from "../../src/listen/transcript.js";
import { CALL, created, final, started } from "./told.js";

function spoken(): Transcript {
  const transcript = new Transcript();
  transcript.apply(created());
  transcript.apply(final(1, 1, 4, "a"));
  transcript.apply(final(1, 3, 6, "b", { channel: 1 }));
  return transcript;
}

test("each leg has its bars, and overlaps reach over all lanes", () => {
  const { entries, openSpeech, legs } = spoken();
  const { lanes, overlaps } = drawn(entries, openSpeech, legs, 0, 10);
  expect(lanes).toEqual(["M1 0.15h3v0.7h-3z", "M3 1.15h3v0.7h-3z"]);
  expect(overlaps).toBe("M3 0h1v2h-1z");
});

test("what is still being said reaches to the end of the drawing", () => {
  const transcript = spoken();
  transcript.apply(started(2, 5, 5.4));
  const { entries, openSpeech, legs } = transcript;
  const { lanes, overlaps } = drawn(entries, openSpeech, legs, 0, 8);
  expect(lanes[0]).toContain("M5 0.15h3");
  expect(overlaps).toContain("M5 0h1v2");
});

test("speech that has ended keeps its place until its final comes", () => {
  const transcript = spoken();
  transcript.apply(started(2, 5, 5.4));
  const place = { session_id: CALL, channel: 0, utterance: 2, timestamp: 1_000 };
  transcript.apply({
    type: "speech_ended",
    ...place,
    start: 5,
    end: 7,
    at: 7.8,
    reason: "silence",
  });
  const { entries, openSpeech, legs } = transcript;
  expect(drawn(entries, openSpeech, legs, 0, 9).lanes[0]).toContain("M5 0.15h2");
  transcript.apply(final(2, 5, 7, "c"));
  expect(transcript.openSpeech).toEqual([]);
});

test("what lies outside is left out, and a gap is drawn on its lane", () => {
  const transcript = spoken();
  transcript.apply({ type: "gap", session_id: CALL, channel: 1, start: 7, end: 9 });
  const { entries, openSpeech, legs } = transcript;
  const drawing = drawn(entries, openSpeech, legs, 5, 10);
  expect(drawing.lanes[0]).toBe("");
  expect(drawing.gaps).toBe("M7 1h2v1h-2z");
});

test("ticks are round and few", () => {
  expect(ticks(0, 30)).toEqual([0, 5, 10, 15, 20, 25, 30]);
  expect(ticks(3500, 3620)).toEqual([3510, 3525, 3540, 3555, 3570, 3585, 3600, 3615]);
  expect(ticks(0, 7200).length).toBeLessThanOrEqual(9);
});
