import { afterEach, expect, test, vi } from "vitest";

import { file, type FileChannels, samples } from "../../src/index.js";
import { Heard, never } from "./sink.js";
import { wav } from "./wav-file.js";

const STEREO = wav(Buffer.of(0, 0x40, 0, 0x80, 0, 0x20, 0, 0), { kind: 1, bits: 16, channels: 2 });

afterEach(() => void vi.unstubAllGlobals());

async function heard(channels: FileChannels | undefined) {
  const sink = new Heard();
  const options = channels === undefined ? {} : { channels };
  const format = await file(STEREO, { ...options, paced: false }).start(sink, never());
  await sink.over;
  expect(format).toEqual({ sampleRate: 8_000, channels: sink.channels.length });
  return sink.channels;
}

test.each([
  [undefined, [[0.5, 0.25], [-1, 0]]],
  [1, [[0.5, 0.25]]],
  ["mix", [[-0.25, 0.125]]],
] as const)("the channels of a file: %s", async (channels, expected) => {
  expect(await heard(channels)).toEqual(expected);
});

test("a file of one channel has no second one, unless it is asked to mix", async () => {
  const mono = wav(Buffer.of(0, 0x40), { kind: 1, bits: 16 });
  const start = file(mono, { channels: 2 }).start(new Heard(), never());
  await expect(start).rejects.toMatchObject({ code: "misuse" });
});

test("a Blob is read; what is no WAV file needs a browser", async () => {
  const sink = new Heard();
  await file(new Blob([STEREO]), { paced: false }).start(sink, never());
  await sink.over;
  expect(sink.channels).toHaveLength(2);
  const other = file(new ArrayBuffer(100)).start(new Heard(), never());
  await expect(other).rejects.toMatchObject({ code: "file_undecodable" });
});

test("a browser decodes at the file's own rate", async () => {
  class Context {
    constructor(
      readonly channels: number,
      readonly length: number,
      readonly sampleRate: number,
    ) {}
    async decodeAudioData(data: ArrayBuffer) {
      if (data.byteLength < 10) throw new Error("EncodingError");
      const { sampleRate } = this;
      const getChannelData = (each: number): Float32Array => Float32Array.of(each);
      return { sampleRate, numberOfChannels: 3, getChannelData };
    }
  }
  vi.stubGlobal("OfflineAudioContext", Context);
  const mp3 = new Uint8Array(64);
  mp3.set([0xff, 0xf3, 0x98]);
  const format = await file(mp3.buffer).start(new Heard(), never());
  expect(format).toEqual({ sampleRate: 16_000, channels: 2 });
  expect(mp3.byteLength).toBe(64);
  await expect(file(new ArrayBuffer(3)).start(new Heard(), never())).rejects.toMatchObject({
    code: "file_undecodable",
  });
});

test("samples are delivered to their end; a call has one or two channels", async () => {
  const sink = new Heard();
  const source = samples([Float32Array.of(0.5), Float32Array.of(0)], 4_000, { paced: false });
  expect(await source.start(sink, never())).toEqual({ sampleRate: 4_000, channels: 2 });
  await sink.over;
  expect(sink.channels).toEqual([[0.5], [0]]);
  for (const count of [0, 3]) {
    const odd = samples(Array(count).fill(new Float32Array()), 4_000);
    await expect(odd.start(sink, never())).rejects.toThrow(`not ${count}`);
  }
});
