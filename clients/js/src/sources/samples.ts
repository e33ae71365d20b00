import { CallscribeError } from "../errors.js";
import { deliver } from "./pacing.js";
import type { AudioSource } from "./source.js";

/**
 * Samples of -1..1 in memory, one array for each channel. `paced` (the default) delivers them at
 * the pace of speech, as a live call would.
 */
export function samples(
  channels: readonly Float32Array[],
  sampleRate: number,
  options: { paced?: boolean } = {},
): AudioSource {
  const count = channels.length;
  const stopping = new AbortController();
  return {
    async start(sink, signal) {
      if (count !== 1 && count !== 2) {
        throw new CallscribeError("misuse", `a call has 1 or 2 channels, not ${count}`);
      }
      signal.addEventListener("abort", () => stopping.abort());
      const { paced = true } = options;
      setTimeout(() => void deliver(channels, sampleRate, paced, sink, stopping.signal));
      return { sampleRate, channels: count };
    },
    stop: () => stopping.abort(),
  };
}
