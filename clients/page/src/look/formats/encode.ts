import type { Encoding } from "callscribe";

/** Encodes samples of one channel, or of several interleaved, as the server expects them. */
export function encode(samples: Float32Array, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case "float32":
      return new Uint8Array(samples.slice().buffer);
    case "pcm16":
      return new Uint8Array(Int16Array.from(samples, pcm16).buffer);
    case "mulaw":
      return Uint8Array.from(samples, (sample) => mulaw(pcm16(sample)));
    case "alaw":
      return Uint8Array.from(samples, (sample) => alaw(pcm16(sample)));
  }
}

/** Interleaves channels of one length. */
export function interleave(channels: readonly Float32Array[]): Float32Array {
  const count = channels.length;
  const frames = channels[0]?.length ?? 0;
  return Float32Array.from(
    { length: frames * count },
    (_, index) => channels[index % count]![Math.floor(index / count)]!,
  );
}

function pcm16(sample: number): number {
  return Math.round(Math.max(-1, Math.min(1, sample)) * 32_767);
}

/** ITU-T G.711, mu-law: sign, exponent and mantissa of the biased 14-bit sample, inverted. */
function mulaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const biased = Math.min(Math.abs(sample), 32_635) + 132;
  const exponent = 24 - Math.clz32(biased);
  return ~(sign | (exponent << 4) | ((biased >> (exponent + 3)) & 0x0f)) & 0xff;
}

/** ITU-T G.711, A-law: sign, exponent and mantissa of the 13-bit sample, even bits inverted. */
function alaw(sample: number): number {
  const sign = sample < 0 ? 0 : 0x80;
  const size = Math.min(sample < 0 ? ~sample : sample, 32_767) >> 4;
  const exponent = size < 16 ? 0 : 28 - Math.clz32(size);
  const mantissa = exponent < 2 ? size & 0x0f : (size >> (exponent - 1)) & 0x0f;
  return (sign | (exponent << 4) | mantissa) ^ 0x55;
}
