import { CallscribeError } from "./errors.js";
import type { AudioFormat, Encoding } from "./messages.js";

const SAMPLE_BYTES: Readonly<Record<Encoding, number>> = {
  float32: 4,
  pcm16: 2,
  mulaw: 1,
  alaw: 1,
};

/** Returns the bytes of one sample of every channel. */
export function frameBytes(format: AudioFormat): number {
  return SAMPLE_BYTES[format.encoding] * format.channels;
}

/** Returns channels of -1..1, all of one length, as interleaved PCM16. */
export function interleavedPcm16(channels: readonly Float32Array[]): Uint8Array {
  const frames = channels[0]?.length ?? 0;
  const pcm = new Int16Array(frames * channels.length);
  channels.forEach((samples, channel) => {
    for (let frame = 0; frame < frames; frame += 1) {
      pcm[frame * channels.length + channel] = pcm16(samples[frame] as number);
    }
  });
  return new Uint8Array(pcm.buffer);
}

/** Returns a sample of -1..1 as PCM16; what is louder is clipped. */
export function pcm16(sample: number): number {
  return Math.round(Math.max(-32_768, Math.min(32_767, sample * 32_768)));
}

/**
 * Returns interleaved audio as bytes of a call's encoding, copied. `Uint8Array` is bytes already;
 * throws `misuse` for samples that the encoding does not have.
 */
export function encoded(
  audio: Uint8Array | Int16Array | Float32Array,
  encoding: Encoding,
): Uint8Array {
  if (audio instanceof Uint8Array) return new Uint8Array(audio);
  if (audio instanceof Float32Array && encoding === "pcm16") return interleavedPcm16([audio]);
  const fits = audio instanceof Int16Array ? encoding === "pcm16" : encoding === "float32";
  if (fits) return new Uint8Array(audio.slice().buffer);
  const kind = audio.constructor.name;
  throw new CallscribeError("misuse", `send ${encoding} audio as Uint8Array, not as ${kind}`);
}
