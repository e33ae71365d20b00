import { describe, expect, test } from "vitest";

import {
  callOptions, changeOf, CHANGEABLE, contradiction, readNumber, readQuery, type Settings,
  usualSettings, writeQuery,
} from "../../src/speak/settings.js";

const unusual: Settings = {
  source: "file", channels: 2, labels: ["Ann & Bo", "x=y"], paced: false, processing: true,
  language: "German", context: "Strom, Gas & Wasser\nzweite Zeile", keywords: ["Northwind", "a,b"],
  keyword_distance: 2, vad_threshold: 0, silence_threshold: 0.35, min_speech_duration: 0.1,
  max_utterance: 12.5, words: true, diarize: true, interim_results: false, denoise: false, post_filter: true,
  attenuation_limit: 0, conversation_id: "case 7",
};

test("usual settings need no query", () => {
  expect(writeQuery(usualSettings())).toBe("");
  expect(readQuery("")).toEqual({ settings: usualSettings(), ignored: [] });
});

test("a query gives back the settings that it was written from", () => {
  expect(readQuery(`?${writeQuery(unusual)}`)).toEqual({ settings: unusual, ignored: [] });
});

test("a query names only what is not usual", () => {
  expect(writeQuery({ ...usualSettings(), words: true, keywords: ["a b", "c"] })).toBe(
    "keywords=a+b&keywords=c&words=1",
  );
});

describe("a query's mistakes are left out and named", () => {
  test.each([
    ["colour=red", "colour"],
    ["__proto__=1", "__proto__"],
    ["channels=3", "channels"],
    ["words=yes", "words"],
    ["words=1&words=0", "words"],
    ["vad_threshold=1.5", "vad_threshold"],
    ["vad_threshold=", "vad_threshold"],
    ["vad_threshold=NaN", "vad_threshold"],
    ["max_utterance=Infinity", "max_utterance"],
    ["keyword_distance=1.5", "keyword_distance"],
    ["labels=agent", "labels"],
    ["labels=a&labels=", "labels"],
    ["keywords=", "keywords"],
    [`context=${"x".repeat(10_001)}`, "context"],
    ["source=tape", "source"],
  ])("%s", (query, name) => {
    expect(readQuery(query)).toEqual({ settings: usualSettings(), ignored: [name] });
  });

  test("lengths of speech that contradict each other", () => {
    const { settings, ignored } = readQuery("min_speech_duration=40&words=1");
    expect(ignored).toEqual(["min_speech_duration", "max_utterance"]);
    expect(settings).toEqual({ ...usualSettings(), words: true });
  });
});

test("a length of speech is compared with the usual one where none is set", () => {
  expect(contradiction(usualSettings())).toBe(false);
  expect(contradiction({ ...usualSettings(), min_speech_duration: 30 })).toBe(true);
  expect(contradiction({ ...usualSettings(), min_speech_duration: 30, max_utterance: 31 })).toBe(false);
});

test("a new call leaves to the server what nobody has set", () => {
  expect(callOptions(usualSettings())).toEqual({
    words: false, interim_results: true, keyword_distance: 0, events: expect.any(Array),
  });
});

test("a new call is told everything that was set, zero and false too", () => {
  const { source, channels, labels, paced, processing, ...options } = unusual;
  expect(callOptions(unusual)).toEqual({
    ...options, channel_labels: labels, events: expect.arrayContaining(["audio_ack", "lag"]),
  });
});

test("an emptied language is detected", () => {
  expect(changeOf({ ...usualSettings(), language: "" }, "language")).toEqual({ language: null });
  expect(changeOf({ ...usualSettings(), language: "fr" }, "language")).toEqual({ language: "fr" });
});

test("emptied keywords and context are told to a running call", () => {
  expect(changeOf(usualSettings(), "keywords")).toEqual({ keywords: [] });
  expect(changeOf(usualSettings(), "context")).toEqual({ context: "" });
});

test("every change names its option, and nothing is said of a value left to the server", () => {
  for (const name of CHANGEABLE) expect(changeOf(unusual, name)).toEqual({ [name]: unusual[name] });
  expect(changeOf(usualSettings(), "vad_threshold")).toBeNull();
});

test("a typed number has to be in its range, ends included", () => {
  expect(readNumber("max_utterance", "2")).toBe(2);
  expect(readNumber("max_utterance", " 300 ")).toBe(300);
  for (const wrong of ["", " ", "1.99", "301", "two", "1e9"]) {
    expect(readNumber("max_utterance", wrong)).toBeUndefined();
  }
});
