import { observable } from "../../observable.js";
import { loadClip } from "../clip.js";
import { encode } from "../formats/encode.js";
import { messageOf, speak, wasRefused } from "../probe.js";
import type { Outcome, Probe } from "../probe.js";
import { runner } from "../runner.js";
import { allowed, nothingYet } from "./measured.js";
import type { Load, LoadResult } from "./measured.js";

/** What the next load test does. */
export const wantedLoad = observable<Load>(allowed(4, 15));

const PAUSE_S = 1;

/** Makes calls beside each other until the time is over, each with the clip at its own pace. */
export const loadTest = runner<LoadResult | null>(null, async (update, ending) => {
  const load = wantedLoad.value;
  const clip = await loadClip(ending);
  const format = { encoding: "pcm16", sample_rate: clip.rate, channels: 1 } as const;
  // What follows the clip lets the server find its end before the call is finished.
  const quiet = new Float32Array(Math.round(clip.rate * 1.5));
  const probe = { format, audio: encode(joined(clip.samples, quiet), "pcm16"), paced: true };
  let result = nothingYet(load);
  const began = performance.now();
  const change = (more: Partial<LoadResult>): void => {
    const passed = Math.min(load.seconds, (performance.now() - began) / 1000);
    update((result = { ...result, ...more, passed }));
  };
  const over = AbortSignal.timeout(load.seconds * 1000);
  const signal = AbortSignal.any([ending, over]);
  const tick = setInterval(() => change({}), 250);
  try {
    const caller = (number: number): Promise<void> =>
      calls(probe, number / load.calls, signal, {
        made: ({ latencies }) =>
          change({ made: result.made + 1, latencies: [...result.latencies, ...latencies] }),
        failed: (error) =>
          wasRefused(error)
            ? change({ refused: result.refused + 1, said: messageOf(error) })
            : change({ failed: result.failed + 1, said: messageOf(error) }),
      });
    await Promise.all(Array.from({ length: load.calls }, (_, number) => caller(number)));
    change({});
  } finally {
    clearInterval(tick);
  }
});

/** One caller: a call after the other, the first after `wait` s. */
async function calls(
  probe: Probe,
  wait: number,
  signal: AbortSignal,
  tell: { made(outcome: Outcome): void; failed(error: unknown): void },
): Promise<void> {
  await pause(wait);
  while (!signal.aborted) {
    try {
      tell.made(await speak(probe, signal));
    } catch (error) {
      if (signal.aborted) return;
      tell.failed(error);
      await pause(PAUSE_S);
    }
  }
}

function joined(...parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
