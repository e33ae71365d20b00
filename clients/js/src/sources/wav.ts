import { CallscribeError } from "../errors.js";

/** Audio in memory: samples of -1..1, one array for each channel. */
export interface Decoded {
  readonly sampleRate: number;
  readonly channels: readonly Float32Array[];
}

const PCM = 1;
const FLOAT = 3;
const A_LAW = 6;
const MU_LAW = 7;
const EXTENSIBLE = 0xfffe;

interface WavFormat {
  readonly kind: number;
  readonly channels: number;
  readonly sampleRate: number;
  readonly bits: number;
}

/**
 * Reads a WAV file (RIFF; PCM of 8 to 32 bits, float, mu-law, A-law); null if it is another kind of
 * file. Throws `file_undecodable` for a WAV file that cannot be read.
 */
export function decodeWav(data: ArrayBuffer): Decoded | null {
  const view = new DataView(data);
  if (view.byteLength < 12 || tag(view, 0) !== "RIFF" || tag(view, 8) !== "WAVE") return null;
  let format: WavFormat | null = null;
  let at = 12;
  while (at + 8 <= view.byteLength) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    const whole = body + Math.min(size, 26) <= view.byteLength && size >= 16;
    if (tag(view, at) === "fmt " && whole) format = readFormat(view, body, size);
    if (tag(view, at) === "data" && format !== null) {
      // A recorder that was killed, or that writes to a pipe, leaves a wrong size.
      const end = Math.min(view.byteLength, body + size);
      return decode(view, format, body, end);
    }
    at = body + size + (size % 2);
  }
  throw new CallscribeError("file_undecodable", "the WAV file has no audio");
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((byte) => view.getUint8(at + byte)));
}

function readFormat(view: DataView, at: number, size: number): WavFormat {
  const kind = view.getUint16(at, true);
  return {
    // The subformat's first two bytes are the kind.
    kind: kind === EXTENSIBLE && size >= 26 ? view.getUint16(at + 24, true) : kind,
    channels: view.getUint16(at + 2, true),
    sampleRate: view.getUint32(at + 4, true),
    bits: view.getUint16(at + 14, true),
  };
}

function decode(view: DataView, format: WavFormat, begin: number, end: number): Decoded {
  const { channels: count, bits, sampleRate } = format;
  const read = reader(view, format);
  if (read === null || count === 0 || sampleRate === 0) {
    const text = `the WAV file has format ${format.kind} with ${bits} bits, ${count} channels`;
    throw new CallscribeError("file_undecodable", text);
  }
  const bytes = bits / 8;
  const frames = Math.floor((end - begin) / (bytes * count));
  const channels = Array.from({ length: count }, () => new Float32Array(frames));
  channels.forEach((samples, channel) => {
    for (let frame = 0; frame < frames; frame += 1) {
      samples[frame] = read(begin + (frame * count + channel) * bytes);
    }
  });
  return { sampleRate, channels };
}

/** Returns what reads the sample at a byte; null for a format that is unknown. */
function reader(view: DataView, { kind, bits }: WavFormat): ((at: number) => number) | null {
  const key = `${kind}/${bits}`;
  switch (key) {
    case `${PCM}/8`:
      return (at) => (view.getUint8(at) - 128) / 128;
    case `${PCM}/16`:
      return (at) => view.getInt16(at, true) / 32_768;
    case `${PCM}/24`:
      return (at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 8_388_608;
    case `${PCM}/32`:
      return (at) => view.getInt32(at, true) / 2_147_483_648;
    case `${FLOAT}/32`:
      return (at) => view.getFloat32(at, true);
    case `${FLOAT}/64`:
      return (at) => view.getFloat64(at, true);
    case `${MU_LAW}/8`:
      return (at) => muLaw(view.getUint8(at)) / 32_768;
    case `${A_LAW}/8`:
      return (at) => aLaw(view.getUint8(at)) / 32_768;
    default:
      return null;
  }
}

/** ITU-T G.711, mu-law, to 16 bits. */
export function muLaw(byte: number): number {
  const code = ~byte & 0xff;
  const magnitude = (((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
  return code & 0x80 ? 0x84 - magnitude : magnitude - 0x84;
}

/** ITU-T G.711, A-law, to 16 bits. */
export function aLaw(byte: number): number {
  const code = byte ^ 0x55;
  const exponent = (code & 0x70) >> 4;
  const mantissa = ((code & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
  return code & 0x80 ? magnitude : -magnitude;
}
