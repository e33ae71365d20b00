import type { AudioSource, Call, CallscribeError, CallState, connect } from "callscribe";
import { beforeEach, expect, test } from "vitest";

import { callInProgress } from "../../src/call_in_progress.js";
import { usualSettings, type Settings } from "../../src/speak/settings.js";
import { Speaking } from "../../src/speak/speaking.js";

/** Stands in for a call: notes what it is told, and tells what a test makes it tell. */
class Told {
  readonly did: unknown[] = [];
  failure: CallscribeError | null = null;
  readonly #listeners = new Map<string, (...told: unknown[]) => void>();

  on(name: string, listener: (...told: unknown[]) => void): () => void {
    this.#listeners.set(name, listener);
    return () => this.#listeners.delete(name);
  }

  tell(name: string, ...told: unknown[]): void {
    this.#listeners.get(name)?.(...told);
  }

  enter(state: CallState): void {
    this.tell("state", state, "open");
  }

  configure = (change: unknown): void => void this.did.push(change);
  flush = (): void => void this.did.push("flush");
  leave = (): void => void this.did.push("leave");
  finish = async (): Promise<void> => void this.did.push("finish");
}

const SOURCE = {} as AudioSource;
let calls: Told[];
let opened: unknown[];
let now: number;

beforeEach(() => {
  calls = [];
  opened = [];
  now = 1000;
});

function speaking(settings: Partial<Settings> = {}): Speaking {
  const dial = ((url: string, given: unknown) => {
    opened.push([url, given]);
    calls.push(new Told());
    return calls.at(-1) as unknown as Call;
  }) as typeof connect;
  return new Speaking(dial, { ...usualSettings(), ...settings }, () => now);
}

function started(settings: Partial<Settings> = {}): [Speaking, Told] {
  const fresh = speaking(settings);
  fresh.start(SOURCE);
  calls[0]!.enter("open");
  return [fresh, calls[0]!];
}

test("a call is opened with the settings, and shown to the other views", () => {
  const fresh = speaking({ language: "fr", channels: 2 });
  fresh.start(SOURCE);
  expect(opened).toMatchObject([["ws/asr", { language: "fr", source: SOURCE, channel_labels: ["agent", "customer"] }]]);
  expect(callInProgress.value).toBe(calls[0]);
  expect(fresh.shown.value).toMatchObject({ state: "starting", since: 1000 });
});

test("before a call settings change freely, and nothing is sent", () => {
  const fresh = speaking();
  fresh.change("conversation_id", "c");
  fresh.change("words", true);
  fresh.change("denoise", true);
  expect(fresh.shown.value.settings).toMatchObject({ conversation_id: "c", words: true, denoise: true });
});

test("a running call is told each change; what is fixed stays", () => {
  const [fresh, call] = started();
  fresh.change("silence_threshold", 0.3);
  fresh.change("keywords", ["Northwind"]);
  fresh.change("conversation_id", "c");
  fresh.change("vad_threshold", null);
  expect(call.did).toEqual([{ silence_threshold: 0.3 }, { keywords: ["Northwind"] }]);
  expect(fresh.shown.value.settings).toMatchObject({ silence_threshold: 0.3, conversation_id: "" });
});

test("a change while the browser asks for permission is sent once a connection can carry it", () => {
  const fresh = speaking();
  fresh.start(SOURCE);
  fresh.change("silence_threshold", 0.3);
  expect(calls[0]!.did).toEqual([]);
  calls[0]!.enter("connecting");
  calls[0]!.enter("open");
  expect(calls[0]!.did).toEqual([{ silence_threshold: 0.3 }]);
});

test("a refused change is taken back and explained until the next try", () => {
  const [fresh, call] = started({ language: "en" });
  fresh.change("language", "klingon");
  call.tell("warning", { type: "error", code: "unknown_language", message: "language: no such one" });
  expect(fresh.shown.value.settings.language).toBe("en");
  expect(Object.keys(fresh.shown.value.refused)).toEqual(["language"]);
  expect(fresh.shown.value.warnings).toEqual([]);
  fresh.change("language", "de");
  expect(fresh.shown.value.refused).toEqual({});
});

test("other warnings are shown until dismissed, the newest five", () => {
  const [fresh, call] = started();
  for (let n = 0; n < 7; n++) call.tell("warning", { type: "error", code: "utterance_failed", message: `${n}` });
  expect(fresh.shown.value.warnings.map((each) => each.message)).toEqual(["2", "3", "4", "5", "6"]);
  fresh.dismiss(fresh.shown.value.warnings[0]!);
  expect(fresh.shown.value.warnings).toHaveLength(4);
});

test("without a denoiser there is nothing to switch", () => {
  const [fresh, call] = started({ denoise: true });
  expect(fresh.shown.value.denoiser).toBe(true);
  call.tell("warning", { type: "error", code: "denoise_unavailable", message: "" });
  expect(fresh.shown.value.denoiser).toBe(false);
});

test("a call that could not be denoised shows noise removal as off", () => {
  const [fresh, call] = started({ denoise: true });
  call.tell("warning", { type: "error", code: "denoise_unavailable", message: "" });
  expect(fresh.shown.value.settings.denoise).toBe(false);
});

test("a failure keeps the text, also of what was open", () => {
  const [fresh, call] = started();
  call.tell("partial", { type: "partial", channel: 0, utterance: 1, start: 0, end: 1, text: "so far" });
  call.failure = { code: "device_lost", message: "gone" } as CallscribeError;
  call.tell("muted", true);
  call.enter("failed");
  const { transcript, failure, state, muted } = fresh.shown.value;
  expect([state, failure?.code, muted]).toEqual(["failed", "device_lost", false]);
  expect(transcript.open[0]!.text).toBe("so far");
});

test("the text of earlier calls stays until it is cleared", () => {
  const [fresh, call] = started();
  call.tell("final", { type: "final", channel: 0, utterance: 1, seq: 1, start: 0, end: 1, text: "one" });
  call.enter("finished");
  fresh.start(SOURCE);
  expect(fresh.shown.value.earlier).toHaveLength(1);
  expect(fresh.shown.value.transcript.items).toEqual([]);
  fresh.clear();
  expect(fresh.shown.value.earlier).toEqual([]);
});

test("a former call that still speaks is not heard", () => {
  const [fresh, former] = started();
  fresh.start(SOURCE);
  expect(former.did).toEqual(["leave"]);
  former.tell("final", { type: "final", channel: 0, utterance: 1, seq: 1, start: 0, end: 1, text: "old" });
  former.enter("failed");
  expect(fresh.shown.value).toMatchObject({ state: "starting", transcript: { items: [] } });
});

test("clearing keeps what is still being said", () => {
  const [fresh, call] = started();
  call.tell("partial", { type: "partial", channel: 0, utterance: 2, start: 0, end: 1, text: "now" });
  fresh.clear();
  expect(fresh.shown.value.transcript.open).toHaveLength(1);
  call.enter("finished");
  fresh.clear();
  expect(fresh.shown.value.transcript.open).toEqual([]);
});

test("recognition is behind from two seconds on, until it says otherwise", () => {
  const [fresh, call] = started();
  call.tell("lag", { type: "lag", channel: 1, seconds: 3.5 });
  expect(fresh.shown.value.lags).toEqual([0, 3.5]);
  call.tell("lag", { type: "lag", channel: 1, seconds: 0.5 });
  expect(fresh.shown.value.lags).toEqual([0, 0]);
});

test("latencies and the time of a state are kept", () => {
  const [fresh, call] = started();
  call.tell("latency", { measure: "finalisation", seconds: 0.4, channel: 0, utterance: 1 });
  now = 2000;
  call.enter("resuming");
  expect(fresh.shown.value).toMatchObject({ since: 2000, latencies: { finalisation: { last: 0.4 } } });
});

test("sound that the server has not stored waits", () => {
  const [fresh, call] = started();
  const second = new Float32Array(8000);
  call.tell("audio", { position: 0, sampleRate: 8000, channels: [second] });
  call.tell("audio", { position: 8000, sampleRate: 8000, channels: [second] });
  call.tell("audio_ack", { type: "audio_ack", position: 12_000 });
  expect(fresh.waitingS).toBe(0.5);
  expect(fresh.sound.endS).toBe(2);
});
