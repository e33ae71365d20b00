import { expect, test, vi } from "vitest";

type Batch = Float32Array[] | null;

interface Processor {
  port: { onmessage: () => void };
  process(inputs: Float32Array[][]): boolean;
}

const posted: Batch[] = [];
let make: new (options: object) => Processor;
vi.stubGlobal(
  "AudioWorkletProcessor",
  class {
    port = { postMessage: (batch: Batch) => posted.push(batch), onmessage: () => undefined };
  },
);
vi.stubGlobal("registerProcessor", (name: string, processor: typeof make) => {
  expect(name).toBe("callscribe-capture");
  make = processor;
});
await import("../../src/sources/capture-worklet.js");

function heard(frames: number, channels: number, blocks: number[][][]): (number[][] | null)[] {
  posted.length = 0;
  const processor = new make({ processorOptions: { frames, channels } });
  for (const block of blocks) {
    expect(processor.process([block.map((samples) => Float32Array.from(samples))])).toBe(true);
  }
  processor.port.onmessage();
  expect(processor.process([[new Float32Array(2)]])).toBe(false);
  return posted.map((batch) => batch && batch.map((samples) => [...samples]));
}

test("blocks are joined to batches, and the rest comes when it is stopped", () => {
  const blocks = [[[1, 2, 3]], [[4, 5, 6]], [[7]]];
  expect(heard(4, 1, blocks)).toEqual([[[1, 2, 3, 4]], [[5, 6, 7]], null]);
});

test("a block longer than a batch fills several", () => {
  expect(heard(2, 1, [[[1, 2, 3, 4, 5]]])).toEqual([[[1, 2]], [[3, 4]], [[5]], null]);
});

test("each channel has its batch; a missing one has the sound of the first", () => {
  expect(heard(2, 2, [[[1, 2], [3, 4]], [[5, 6]]])).toEqual([
    [[1, 2], [3, 4]],
    [[5, 6], [5, 6]],
    null,
  ]);
});

test("a device that gives nothing for a while is waited for", () => {
  expect(heard(2, 1, [[], [[1, 2]]])).toEqual([[[1, 2]], null]);
});
