import { CallscribeError, connect } from "callscribe";
import type { AudioFormat, CallOptions } from "callscribe";

import { callSettings } from "../access/access.js";
import { callToken } from "../access/asking.js";
import { socketAddress } from "../server.js";

/** Audio for one call that tests the server. */
export interface Probe {
  readonly format: AudioFormat;
  readonly audio: Uint8Array;
  /** Whether it is sent at the pace of speech; else as fast as the server takes it. */
  readonly paced: boolean;
  readonly options?: CallOptions;
}

/** What became of a probe; times in s. */
export interface Outcome {
  /** What was heard on each channel. */
  readonly texts: readonly string[];
  /** From connecting until the server had opened the call. */
  readonly opened: number;
  /** From the last audio sent until all was answered. */
  readonly finished: number;
  /** From the end of speech to the final, for each final; empty where audio came too fast. */
  readonly latencies: readonly number[];
}

/** Seconds of audio in one message. */
const MESSAGE_S = 0.1;
const BYTES = { float32: 4, pcm16: 2, mulaw: 1, alaw: 1 } as const;

/** Makes one call with some audio. Rejects with a CallscribeError where it fails or is aborted. */
export async function speak(probe: Probe, signal: AbortSignal): Promise<Outcome> {
  const { format, audio, paced } = probe;
  const texts = Array.from({ length: format.channels }, () => [] as string[]);
  const latencies: number[] = [];
  const began = performance.now();
  let opened = Number.NaN;
  const call = connect(socketAddress("ws/asr"), {
    ...probe.options,
    format,
    events: ["speech_ended"],
    interim_results: false,
    resume: false,
    ...callSettings(callToken),
  });
  const leave = (): void => call.leave();
  signal.addEventListener("abort", leave);
  try {
    signal.throwIfAborted();
    call.on("created", () => {
      opened = passed(began);
    });
    call.on("final", ({ channel, text }) => void texts[channel]?.push(text));
    call.on("latency", ({ measure, seconds }) => {
      if (measure === "endpoint_to_final") latencies.push(seconds);
    });
    await send(call, audio, bytesOf(format), paced ? MESSAGE_S : 0, signal);
    const sent = performance.now();
    await call.finish();
    if (call.failure) throw call.failure;
    return {
      texts: texts.map((each) => each.join(" ").trim()),
      opened,
      finished: passed(sent),
      latencies,
    };
  } catch (error) {
    call.leave();
    throw call.failure ?? error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

async function send(
  call: ReturnType<typeof connect>,
  audio: Uint8Array,
  size: number,
  pace: number,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  for (let at = 0, number = 0; at < audio.length; at += size, number += 1) {
    const early = number * pace - passed(began);
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early * 1000));
    signal.throwIfAborted();
    await call.send(audio.subarray(at, at + size));
  }
}

function bytesOf({ encoding, sample_rate, channels }: AudioFormat): number {
  return Math.round(sample_rate * MESSAGE_S) * channels * BYTES[encoding];
}

function passed(since: number): number {
  return (performance.now() - since) / 1000;
}

/** Whether the server refused a call, which may succeed a little later. */
export function wasRefused(error: unknown): boolean {
  return (
    error instanceof CallscribeError &&
    ["refused", "at_capacity", "unavailable"].includes(error.code)
  );
}

/** What an error says, for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
