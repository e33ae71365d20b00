import { expect, test } from "vitest";

import type { ReaderMessage } from "../src/messages.js";
import { Place } from "../src/place.js";
import { final, partial } from "./said.js";

const of = (session_id: string, seq: number): ReaderMessage => ({ ...final({ seq }), session_id });
const created = (session_id: string): ReaderMessage => ({
  ...{ type: "session_created", session_id, channels: 1, started: 0 },
});

test("each call has its number, in the order in which the calls were told", () => {
  const place = new Place();
  expect(String(place)).toBe("0");
  place.note(created("a"));
  place.note(created("b"));
  place.note(of("b", 3));
  place.note(of("a", 7));
  place.note({ ...partial(), session_id: "a" });
  expect(String(place)).toBe("7.3");
  expect([place.of("a"), place.of("b")]).toEqual([7, 3]);
});

test("a call that has said nothing has 0", () => {
  const place = new Place();
  for (const call of ["a", "b", "c"]) place.note(created(call));
  place.note(of("c", 2));
  expect(String(place)).toBe("0.0.2");
});

test("it goes on from a place", () => {
  const place = new Place("7.3");
  place.note(created("a"));
  place.note(created("b"));
  expect([place.of("a"), place.of("b")]).toEqual([7, 3]);
  expect(String(place)).toBe("7.3");
});
