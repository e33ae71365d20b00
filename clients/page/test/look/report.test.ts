import { expect, test } from "vitest";

import { step } from "../../src/look/connection/steps.js";
import { nothingYet } from "../../src/look/load/measured.js";
import { MessageLog } from "../../src/look/messages/log.js";
import { report } from "../../src/look/report/report.js";
import type { Facts } from "../../src/look/report/report.js";

const SEEDED = ["Zanzibar", "marmalade", "Pemberton", "quince", "xylophone", "hunter2"];

const MESSAGES = [
  {
    type: "config",
    encoding: "pcm16",
    sample_rate: 8000,
    language: "en",
    context: "about Zanzibar",
    keywords: ["marmalade", "Pemberton"],
    channel_labels: ["Pemberton"],
    words: true,
    conversation_id: "Pemberton-17",
    webhook: "https://quince.example/hook?hunter2",
    events: ["speech_started", "keyword"],
    vad_threshold: 0.5,
  },
  { type: "config", resume: "abc.hunter2", seq: 4, attempt: 17 },
  {
    type: "session_created",
    session_id: "9cfec145",
    resume_token: "9cfec145.hunter2",
    channel_labels: ["Pemberton"],
    conversation_id: "Pemberton-17",
  },
  {
    type: "partial",
    channel: 0,
    utterance: 1,
    start: 0.5,
    end: 1,
    text: "marmalade",
    stable: 3,
    language: "English",
    label: "Pemberton",
    timestamp: 1795264657.01,
  },
  {
    type: "final",
    channel: 0,
    utterance: 1,
    seq: 1,
    start: 0.5,
    end: 2,
    text: "quince marmalade",
    words: [{ word: "quince", start: 0.5, end: 1, probability: 0.9 }],
    timing: { endpoint: 0.8, final: 0.9 },
  },
  { type: "words", seq: 2, words: [{ word: "xylophone" }], words_unavailable: "no Zanzibar" },
  { type: "keyword", keyword: "marmalade", text: "marmalade", offset: 7 },
  { type: "error", code: "unknown_option", message: "no option Zanzibar, did you mean quince?" },
  { type: "Zanzibar quince", Pemberton: "x", nested: { deeper: ["xylophone"] } },
  { type: "dtmf", digit: "hunter2", at: 3 },
  { type: "config", language: "quince xylophone", events: ["Zanzibar!"] },
  ["marmalade"],
  "xylophone",
];

const HEALTH = {
  version: "0.1.0",
  gateway: "Pemberton-17-ab",
  ready: true,
  reason: null,
  uptime_s: 9,
  memory_bytes: 1,
  cpu_s: 1,
  sessions: 0,
  max_sessions: 500,
  stages: {},
  protocols: ["/ws/asr"],
};

function facts(): Facts {
  const log = new MessageLog();
  for (const message of MESSAGES) {
    log.add({ direction: "in", at: 1, text: JSON.stringify(message) });
  }
  log.add({ direction: "in", at: 2, text: "not JSON: Zanzibar" });
  log.add({ direction: "out", at: 3, bytes: 1600 });
  log.add({ direction: "out", at: 4, bytes: 1600 });
  const traced = {
    session_id: "9cfec145",
    channel: 0,
    label: "Pemberton",
    utterance: 1,
    start: 0.5,
    end: 2,
    reason: "silence",
    parts: [{ part: "decode", ms: 40 }],
  };
  return {
    origin: "https://speech.example",
    browser: "Chromium",
    at: 1_795_264_655_000,
    seen: { health: HEALTH, refused: [],
      withheld: null,
      unready: "", endpointToFinal: 0.2, reachable: true, at: 1 },
    connection: [
      step("speech", "failed", { said: "heard “quince marmalade”" }),
      step("ready", "passed", { said: "9/9" }),
    ],
    formats: new Map([
      ["alaw 8000 1", { state: "wrong", seconds: 1, wrong: 3, of: 9, said: "quince" }],
    ]),
    load: {
      ...nothingYet({ calls: 2, seconds: 5 }),
      said: "xylophone failed",
      latencies: [0.2, 0.4],
    },
    trace: [traced],
    log,
  };
}

test("without words a report has nothing that anyone said, wrote or is called", () => {
  const text = JSON.stringify(report(facts(), false));
  for (const seed of SEEDED) expect(text.toLowerCase()).not.toContain(seed.toLowerCase());
});

test("it keeps what helps: types, times, options, codes and lengths", () => {
  const made = report(facts(), false) as { messages: { lines: Record<string, unknown>[] } };
  const [config, , , , final] = made.messages.lines.map((line) => line["message"]);
  expect(config).toMatchObject({
    type: "config",
    sample_rate: 8000,
    vad_threshold: 0.5,
    language: "en",
    keywords: "2 of them",
    words: true,
    events: ["speech_started", "keyword"],
    context: "hidden, 14 characters",
  });
  expect(final).toMatchObject({
    text: "hidden, 16 characters",
    words: "1 of them",
    timing: { endpoint: 0.8, final: 0.9 },
  });
  expect(made).toMatchObject({
    origin: "https://speech.example",
    load: { finals: 2, latency_s: { p50: 0.2, p95: 0.4 } },
    trace: [{ total_ms: 40, parts_ms: { decode: 40 } }],
  });
  expect(made.messages.lines.at(-1)).toEqual({
    direction: "out",
    at: 3,
    type: "audio",
    count: 2,
    bytes: 3200,
  });
});

test("with words it has them, and still no token", () => {
  const text = JSON.stringify(report(facts(), true));
  expect(text).toContain("quince marmalade");
  expect(text).not.toContain("9cfec145.hunter2");
  expect(text).not.toContain("abc.hunter2");
});
