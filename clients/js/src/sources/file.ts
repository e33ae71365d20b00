import { asFailure, CallscribeError } from "../errors.js";
import { deliver } from "./pacing.js";
import { sampleRateOf } from "./sample-rate.js";
import type { AudioSource } from "./source.js";
import { type Decoded, decodeWav } from "./wav.js";

/** How many channels of a file become channels of the call; "mix" joins all of them in one. */
export type FileChannels = 1 | 2 | "mix";

/**
 * A recording in memory: in browsers all that they decode, in Node WAV. `channels`: by default the
 * file's own, at most 2; 1 is the first one. `paced` (the default) delivers it at the pace of
 * speech, as a live call would.
 */
export function file(
  data: Blob | ArrayBuffer,
  options: { channels?: FileChannels; paced?: boolean } = {},
): AudioSource {
  const stopping = new AbortController();
  return {
    async start(sink, signal) {
      const decoded = await decode(data instanceof ArrayBuffer ? data : await read(data));
      const channels = chosen(decoded.channels, options.channels);
      signal.addEventListener("abort", () => stopping.abort());
      const { sampleRate } = decoded;
      const { paced = true } = options;
      setTimeout(() => void deliver(channels, sampleRate, paced, sink, stopping.signal));
      return { sampleRate, channels: channels.length as 1 | 2 };
    },
    stop: () => stopping.abort(),
  };
}

async function read(data: Blob): Promise<ArrayBuffer> {
  try {
    return await data.arrayBuffer();
  } catch (error) {
    throw asFailure(error, "file_undecodable");
  }
}

/** Decodes a file at its own sample rate; throws `file_undecodable`. */
export async function decode(data: ArrayBuffer): Promise<Decoded> {
  const wav = decodeWav(data);
  if (wav !== null) return wav;
  if (typeof OfflineAudioContext === "undefined") {
    throw new CallscribeError("file_undecodable", "this is no WAV file; others need a browser");
  }
  const context = new OfflineAudioContext(1, 1, sampleRateOf(data));
  try {
    // Decoding takes the data away from its owner, who may want to play it.
    const buffer = await context.decodeAudioData(data.slice(0));
    const channels = Array.from({ length: buffer.numberOfChannels }, (_, each) =>
      buffer.getChannelData(each),
    );
    return { sampleRate: buffer.sampleRate, channels };
  } catch {
    throw new CallscribeError("file_undecodable", "the browser cannot decode this file");
  }
}

/** Returns the channels to send; throws `misuse` for two of a file that has one. */
export function chosen(
  channels: readonly Float32Array[],
  wanted: FileChannels | undefined,
): readonly Float32Array[] {
  if (wanted === "mix") return [mixed(channels)];
  if (wanted === 2 && channels.length < 2) {
    throw new CallscribeError("misuse", "the file has one channel, not 2");
  }
  return channels.slice(0, wanted ?? 2);
}

function mixed(channels: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(channels[0]?.length ?? 0);
  for (const samples of channels) {
    samples.forEach((sample, frame) => {
      sum[frame] = (sum[frame] as number) + sample / channels.length;
    });
  }
  return sum;
}
