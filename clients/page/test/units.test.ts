import { expect, test } from "vitest";

import { age, bytes, clock, duration, quantile } from "../src/units.js";

test("moments of a call", () => {
  expect([clock(0), clock(33.155), clock(3725.99), clock(59.96, 0)]).toEqual([
    "0:00.0",
    "0:33.1",
    "1:02:05.9",
    "0:59",
  ]);
});

test("durations take the unit that suits them", () => {
  expect([duration(0.0004), duration(0.035), duration(1.239)]).toEqual([
    "0.4 ms",
    "35 ms",
    "1.24 s",
  ]);
  expect([age(12.9), age(300), age(12_000), age(187_200)]).toEqual([
    "12 s",
    "5 min",
    "3 h 20 min",
    "2 d 4 h",
  ]);
  expect([bytes(812), bytes(3400), bytes(120_000_000)]).toEqual(["812 B", "3.4 kB", "120 MB"]);
});

test("quantiles are values that occurred", () => {
  expect([quantile([3, 1, 2], 0.5), quantile([1, 2, 3, 4], 0.95), quantile([], 0.5)]).toEqual([
    2,
    4,
    Number.NaN,
  ]);
});
