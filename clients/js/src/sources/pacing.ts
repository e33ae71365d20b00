import { now } from "../line.js";
import type { AudioSink } from "./source.js";

/** Seconds of audio that are delivered together. */
const BLOCK_S = 0.1;

/**
 * Delivers samples to their end, or until `signal` aborts; each block waits for room. `paced`: at
 * the pace of speech, on an absolute clock, so that a timer that comes late, as in a tab in the
 * background, is made up for by the blocks that are due by then.
 */
export async function deliver(
  channels: readonly Float32Array[],
  sampleRate: number,
  paced: boolean,
  sink: AudioSink,
  signal: AbortSignal,
): Promise<void> {
  const frames = channels[0]?.length ?? 0;
  const block = Math.ceil(sampleRate * BLOCK_S);
  const began = now();
  for (let at = 0; at < frames && !signal.aborted; at += block) {
    const end = Math.min(frames, at + block);
    // A block exists once its last sample was spoken.
    if (paced) await sleep(began + end / sampleRate - now(), signal);
    if (signal.aborted) return;
    await sink.data(channels.map((samples) => samples.subarray(at, end)));
  }
  if (!signal.aborted) sink.ended();
}

function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  if (seconds <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    signal.addEventListener("abort", done);
  });
}
