import { expect, test } from "vitest";

import type { ReaderMessage } from "../src/messages.js";
import { Place } from "../src/place.js";
import { final, partial } from "./said.js";

const of = (session_id: string, seq: number): ReaderMessage => ({ ...final({ seq }), session_id });
const created = (session_id: string): ReaderMessage => ({
  ...{ type: "session_created", session_id, channels: 1, started: 0 },
});

test("each call has its number, under its session id", () => {
  const place = new Place("a name");
  expect(String(place)).toBe("0");
  place.note(created("a"));
  place.note(created("b"));
  place.note(of("b", 3));
  place.note(of("a", 7));
  place.note({ ...partial(), session_id: "a" });
  expect(String(place)).toBe("a-7.b-3");
  expect([place.of("a"), place.of("b")]).toEqual([7, 3]);
});

test("a single call by its session id has a plain number", () => {
  const place = new Place("a", "7");
  expect(place.of("a")).toBe(7);
  place.note(created("a"));
  expect(String(place)).toBe("7");
  place.note(of("a", 8));
  expect(String(place)).toBe("8");
  place.note(created("b"));
  expect(String(place)).toBe("a-8.b-0");
});

test("it goes on from a place, also where an earlier call is gone", () => {
  const place = new Place("a name", "a-40.b-12");
  expect(String(place)).toBe("a-40.b-12");
  place.note(created("b"));
  expect([place.of("b"), place.of("c")]).toEqual([12, 0]);
  place.note(of("b", 13));
  expect(String(place)).toBe("a-40.b-13");
});

test.each(["7", "40.12"])("numbers of no known call count for none: %s", (from) => {
  const place = new Place("a name", from);
  place.note(created("b"));
  expect(String(place)).toBe("b-0");
});
