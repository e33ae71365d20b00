/** Sound of one channel. */
export interface Clip {
  readonly samples: Float32Array;
  /** Hz. */
  readonly rate: number;
  readonly seconds: number;
}

/** Reads a WAV file of one channel of PCM16; throws an error for any other. */
export function readWav(file: ArrayBuffer): Clip {
  const view = new DataView(file);
  const name = (at: number): string =>
    String.fromCharCode(...new Uint8Array(file, at, Math.min(4, file.byteLength - at)));
  if (file.byteLength < 12 || name(0) !== "RIFF" || name(8) !== "WAVE")
    throw new Error("no WAV file");
  let rate = 0;
  for (let at = 12; at + 8 <= file.byteLength;) {
    const size = view.getUint32(at + 4, true);
    if (name(at) === "fmt ") {
      const [kind, channels, bits] = [at + 8, at + 10, at + 22].map((each) =>
        view.getUint16(each, true),
      );
      if (kind !== 1 || channels !== 1 || bits !== 16) throw new Error("no PCM16 of one channel");
      rate = view.getUint32(at + 12, true);
    } else if (name(at) === "data" && rate) {
      const count = Math.min(size, file.byteLength - at - 8) >> 1;
      const samples = Float32Array.from(
        { length: count },
        (_, index) => view.getInt16(at + 8 + 2 * index, true) / 32_768,
      );
      return { samples, rate, seconds: count / rate };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("a WAV file without audio");
}
