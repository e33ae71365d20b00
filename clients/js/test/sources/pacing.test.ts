import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { deliver } from "../../src/sources/pacing.js";
import { Heard, never } from "./sink.js";

const second = [new Float32Array(1_000)];

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

test("a block comes once it was spoken", async () => {
  const sink = new Heard();
  const delivered = deliver(second, 1_000, true, sink, never());
  await vi.advanceTimersByTimeAsync(99);
  expect(sink.sizes).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sink.sizes).toEqual([100]);
  await vi.advanceTimersByTimeAsync(900);
  await delivered;
  expect(sink.sizes).toEqual(Array(10).fill(100));
  await sink.over;
});

test("blocks that a late timer missed come together, so that no time is lost", async () => {
  const sink = new Heard();
  const delivered = deliver(second, 1_000, true, sink, never());
  await vi.advanceTimersByTimeAsync(0);
  // The tab was in the background: the clock went on, timers did not.
  const clock = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 650);
  await vi.advanceTimersByTimeAsync(100);
  expect(sink.sizes).toHaveLength(6);
  clock.mockRestore();
  await vi.advanceTimersByTimeAsync(1_000);
  await delivered;
  expect(sink.channels[0]).toHaveLength(1_000);
});

test("unpaced audio comes as fast as it is taken", async () => {
  const sink = new Heard();
  let room: () => void = () => undefined;
  vi.spyOn(sink, "data").mockImplementation(() => new Promise((resolve) => (room = resolve)));
  const delivered = deliver(second, 1_000, false, sink, never());
  for (let block = 1; block <= 10; block += 1) {
    await vi.advanceTimersByTimeAsync(0);
    expect(sink.data).toHaveBeenCalledTimes(block);
    room();
  }
  await delivered;
});

test("stopping ends it without another block", async () => {
  const sink = new Heard();
  const abort = new AbortController();
  const delivered = deliver(second, 1_000, true, sink, abort.signal);
  await vi.advanceTimersByTimeAsync(250);
  abort.abort();
  await delivered;
  expect(sink.sizes).toEqual([100, 100]);
});
