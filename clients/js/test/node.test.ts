import { PassThrough, Readable } from "node:stream";

import { expect, test, vi } from "vitest";

import { Cutter, nodeStream } from "../src/node.js";
import { Heard, never } from "./sources/sink.js";

const FORMAT = { sampleRate: 8_000, channels: 2, encoding: "pcm16" } as const;

test("a stream that is split anywhere gives the same samples", async () => {
  const data = Buffer.from(Int16Array.of(16_384, -32_768, 8_192, 0).buffer);
  for (let size = 1; size <= data.length; size += 1) {
    const pieces = Array.from({ length: Math.ceil(data.length / size) }, (_, index) =>
      data.subarray(index * size, (index + 1) * size),
    );
    const sink = new Heard();
    const format = await nodeStream(Readable.from(pieces), FORMAT).start(sink, never());
    expect(format).toEqual({ sampleRate: 8_000, channels: 2 });
    await sink.over;
    expect(sink.channels).toEqual([
      [0.5, 0.25],
      [-1, 0],
    ]);
  }
});

test("what is left over waits for more", () => {
  const cut = new Cutter(1);
  expect(cut.samples(Buffer.of(0))).toEqual([new Float32Array()]);
  expect(cut.samples(Buffer.of(0x40, 0))).toEqual([Float32Array.of(0.5)]);
});

test("a stream that breaks is a failure", async () => {
  const stream = new PassThrough();
  const sink = new Heard();
  await nodeStream(stream, FORMAT).start(sink, never());
  stream.destroy(new Error("no such device"));
  await sink.over;
  expect(sink.failure).toMatchObject({ code: "audio_unavailable" });
  expect(sink.failure?.message).toContain("no such device");
});

test("stopping destroys the stream and is no failure", async () => {
  const stream = new PassThrough();
  const source = nodeStream(stream, FORMAT);
  const sink = new Heard();
  await source.start(sink, never());
  stream.write(Buffer.alloc(8));
  await vi.waitUntil(() => sink.sizes.length > 0);
  await source.stop();
  await vi.waitUntil(() => stream.closed);
  expect(sink.failure).toBeNull();
});
