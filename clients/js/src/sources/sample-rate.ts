const USUAL = 48_000;
/** ISO 11172-3, 2.4.2.3, and 13818-3: Hz by version (2.5, none, 2, 1) and index. */
const MPEG: readonly (readonly number[])[] = [
  [11_025, 12_000, 8_000],
  [],
  [22_050, 24_000, 16_000],
  [44_100, 48_000, 32_000],
];

/**
 * Returns the sample rate of a FLAC, Ogg or MP3 file in Hz; 48000 of others. Browsers decode to a
 * rate that they are told, and do not say that of the file.
 */
export function sampleRateOf(data: ArrayBuffer): number {
  const bytes = new Uint8Array(data);
  const text = (at: number, length: number): string =>
    String.fromCharCode(...bytes.subarray(at, at + length));
  const byte = (at: number): number => bytes[at] ?? 0;
  if (text(0, 4) === "fLaC") {
    return (byte(18) << 12) | (byte(19) << 4) | (byte(20) >> 4) || USUAL;
  }
  if (text(0, 4) === "OggS" && text(29, 6) === "vorbis") {
    return byte(40) | (byte(41) << 8) | (byte(42) << 16) || USUAL;
  }
  // An ID3 tag, whose length has 7 bits in each byte, comes before the first frame.
  const tag = text(0, 3) === "ID3";
  const length = (byte(6) << 21) | (byte(7) << 14) | (byte(8) << 7) | byte(9);
  const frame = tag ? 10 + length : 0;
  if (byte(frame) === 0xff && byte(frame + 1) >= 0xe0) {
    return MPEG[(byte(frame + 1) >> 3) & 3]?.[(byte(frame + 2) >> 2) & 3] ?? USUAL;
  }
  return USUAL;
}
