import { expect, test } from "vitest";

import { arrange } from "../../src/listen/blocks.js";
import { Transcript } from "../../src/listen/transcript.js";
import { CALL, created, final } from "./told.js";

type Said = readonly [channel: number, start: number, end: number];

function rows(...said: Said[]): (string | [number, number, number][])[] {
  const transcript = new Transcript();
  transcript.apply(created());
  said.forEach(([channel, start, end], index) => {
    transcript.apply(final(index + 1, start, end, `${index}`, { channel }));
  });
  return arrange(transcript.entries)
    .slice(1)
    .map((item) =>
      item.kind === "block"
        ? item.turns.map(({ turn, row, lastRow }) => [turn.leg.channel, row, lastRow])
        : item.kind,
    );
}

test("turns one after the other stand below each other", () => {
  expect(rows([0, 0, 2], [1, 2, 4], [0, 4, 6])).toEqual([[[0, 1, 1]], [[1, 1, 1]], [[0, 1, 1]]]);
});

test("turns that overlap stand side by side", () => {
  expect(rows([0, 0, 3], [1, 2, 4])).toEqual([
    [
      [0, 1, 1],
      [1, 1, 1],
    ],
  ]);
});

test("a turn that overlaps two of the other leg reaches beside both", () => {
  expect(rows([0, 0, 3], [1, 2, 8], [0, 5, 6])).toEqual([
    [
      [0, 1, 1],
      [1, 1, 2],
      [0, 2, 2],
    ],
  ]);
});

test("a turn that was over before the next row does not reach into it", () => {
  expect(rows([0, 0, 9], [1, 1, 2], [1, 5, 6])).toEqual([
    [
      [0, 1, 2],
      [1, 1, 1],
      [1, 2, 2],
    ],
  ]);
  expect(rows([0, 0, 3], [1, 2, 4], [0, 3.5, 6], [1, 5, 7])).toEqual([
    [
      [0, 1, 1],
      [1, 1, 2],
      [0, 2, 3],
      [1, 3, 3],
    ],
  ]);
});

test("turns of one leg never overlap themselves", () => {
  expect(rows([0, 0, 3], [0, 2.9, 4])).toEqual([[[0, 1, 1]], [[0, 1, 1]]]);
});

test("a long chain of overlaps is cut, and the overlap across the cut still counts", () => {
  const transcript = new Transcript();
  transcript.apply(created());
  for (let index = 0; index < 30; index += 1) {
    transcript.apply(final(index + 1, index, index + 1.5, `${index}`, { channel: index % 2 }));
  }
  const [, ...blocks] = arrange(transcript.entries);
  const turns = blocks.flatMap((block) => (block.kind === "block" ? block.turns : []));
  expect(blocks.length).toBe(3);
  expect(turns.map((each) => each.overlap)).toEqual([0.5, ...Array(28).fill(1), 0.5]);
});

test("the overlap is what others say meanwhile, once", () => {
  const transcript = new Transcript();
  transcript.apply(created());
  transcript.apply(final(1, 0, 10, "long"));
  transcript.apply(final(1, 2, 3, "yes", { channel: 1 }));
  transcript.apply(final(2, 9, 12, "no", { channel: 1 }));
  const [, block] = arrange(transcript.entries);
  expect(block).toMatchObject({ turns: [{ overlap: 2 }, { overlap: 1 }, { overlap: 1 }] });
});

test("a gap within an overlap stands below it", () => {
  const transcript = new Transcript();
  transcript.apply(created());
  transcript.apply(final(1, 0, 4, "a"));
  transcript.apply({ type: "gap", session_id: CALL, channel: 0, start: 2, end: 2.5 });
  transcript.apply(final(1, 3, 5, "b", { channel: 1 }));
  transcript.apply(final(2, 6, 7, "c"));
  expect(arrange(transcript.entries).map((item) => item.kind)).toEqual([
    "begun",
    "block",
    "gap",
    "block",
  ]);
});
