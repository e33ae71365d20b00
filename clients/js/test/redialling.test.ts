import { expect, test } from "vitest";

import { LONGEST_WAIT_S, Redialling, STEADY_S } from "../src/redialling.js";
import { dice } from "./dice.js";

function lostAt(now: number, urls = ["a"], patienceS = 60, immediately = false): Redialling {
  const redialling = new Redialling(urls, patienceS);
  redialling.connected(urls[0] as string, now);
  redialling.lost(now, immediately);
  return redialling;
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

test("waits double up to a bound", () => {
  const redialling = lostAt(0);
  const waits = times(9, () => redialling.nextAttempt(0, 1)?.waitS);
  expect(waits).toEqual([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]);
});

test("a wait is a random part of the bound", () => {
  const random = dice(1);
  for (let tries = 1; tries < 40; tries += 1) {
    const redialling = lostAt(0);
    const chance = random();
    const wait = times(tries, () => redialling.nextAttempt(0, chance)?.waitS).at(-1) as number;
    expect(wait).toBeGreaterThanOrEqual(0);
    expect(wait).toBeLessThanOrEqual(chance * LONGEST_WAIT_S);
  }
});

test("a client that was told to leave tries the next immediately, but only once", () => {
  const redialling = lostAt(0, ["a", "b"], 60, true);
  expect(redialling.nextAttempt(0, 1)).toEqual({ url: "b", waitS: 0 });
  redialling.connected("b", 0);
  redialling.lost(1, true);
  expect(redialling.nextAttempt(1, 1)?.waitS).toBeGreaterThan(0);
});

test("servers are tried in turn, beginning behind the one that failed", () => {
  const redialling = lostAt(0, ["a", "b", "c"]);
  const order = times(4, () => {
    const url = redialling.nextAttempt(0, 0)?.url as string;
    redialling.failed(url, 0, 0);
    return url;
  });
  expect(order).toEqual(["b", "c", "a", "b"]);
});

test("a server that asked to wait is passed over or waited for", () => {
  const redialling = lostAt(0, ["a", "b"]);
  redialling.failed("b", 0, 7);
  expect(redialling.nextAttempt(1, 0)?.url).toBe("a");
  redialling.failed("a", 1, 9);
  expect(redialling.nextAttempt(1, 0)).toEqual({ url: "b", waitS: 6 });
});

test("patience ends, and the last attempt is within it", () => {
  const redialling = lostAt(10, ["a"], 3);
  redialling.failed("a", 10, 60);
  expect(redialling.nextAttempt(10, 1)?.waitS).toBe(3);
  expect(redialling.nextAttempt(13, 1)).toBeNull();
});

test("connections that lead to nothing use patience up", () => {
  const redialling = lostAt(0, ["a"], 3);
  redialling.nextAttempt(0, 1);
  redialling.connected("a", 2);
  redialling.lost(2.5, false);
  expect(redialling.nextAttempt(2.5, 1)?.waitS).toBeCloseTo(0.2);
  expect(redialling.nextAttempt(3.5, 1)).toBeNull();
});

test.each(["advanced", "steady"])("a connection that works gives it back: %s", (how) => {
  const redialling = lostAt(0, ["a"], 3);
  redialling.nextAttempt(0, 1);
  redialling.connected("a", 2);
  if (how === "advanced") redialling.advanced();
  const lost = how === "advanced" ? 2.5 : 2 + STEADY_S;
  redialling.lost(lost, false);
  expect(redialling.nextAttempt(lost, 1)?.waitS).toBeCloseTo(0.1);
  expect(redialling.nextAttempt(lost + 2.5, 1)).not.toBeNull();
});
