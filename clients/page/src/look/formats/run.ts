import type { AudioFormat, CallscribeError } from "callscribe";

import { CLIP_TEXT, loadClip } from "../clip.js";
import type { Clip } from "../wav.js";
import { messageOf, speak, wasRefused } from "../probe.js";
import { runner } from "../runner.js";
import { wordErrors } from "../words.js";
import { encode, interleave } from "./encode.js";
import { FORMATS, judged, nameOf } from "./matrix.js";
import type { Results, Tried } from "./matrix.js";
import { resample } from "./resample.js";

/** How often a refused call is tried again. */
const ATTEMPTS = 5;
const RETRY_S = 2;
/** Seconds that one format may take. */
const PATIENCE_S = 30;

/** Sends the clip in every format, one after the other. */
export const formatTest = runner<Results>(new Map(), async (update, ending) => {
  const clip = await loadClip(ending);
  let results: Results = new Map();
  for (const format of FORMATS) {
    const tried = await attempt(clip, format, ending);
    ending.throwIfAborted();
    update((results = new Map([...results, [nameOf(format), tried]])));
  }
});

async function attempt(clip: Clip, format: AudioFormat, ending: AbortSignal): Promise<Tried> {
  const audio = spoken(clip, format);
  for (let number = 1; ; number += 1) {
    const signal = AbortSignal.any([ending, AbortSignal.timeout(PATIENCE_S * 1000)]);
    try {
      const { texts, finished } = await speak({ format, audio, paced: false }, signal);
      return judged(texts, wordErrors(CLIP_TEXT, texts.at(-1)!), finished);
    } catch (error) {
      ending.throwIfAborted();
      const refused = wasRefused(error);
      if (refused && number < ATTEMPTS) {
        await pause((error as CallscribeError).retryAfterS ?? RETRY_S);
        continue;
      }
      const said = signal.aborted ? `no answer within ${PATIENCE_S} s` : messageOf(error);
      return { state: refused ? "refused" : "failed", seconds: null, wrong: 0, of: 0, said };
    }
  }
}

/** The clip on the last channel; the other one is silent. */
function spoken(clip: Clip, { encoding, sample_rate, channels }: AudioFormat): Uint8Array {
  const samples = resample(clip.samples, clip.rate, sample_rate);
  const silent = Array.from({ length: channels - 1 }, () => new Float32Array(samples.length));
  return encode(interleave([...silent, samples]), encoding);
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
