import { expect, test } from "vitest";

import { indexOf, segments } from "../../src/speak/segments.js";

const word = (spelled: string, start = 0) => ({ word: spelled, start, end: start + 1, probability: 1 });
const hit = (offset: number, text: string) => ({ offset, text, keyword: text });
const words = (found: ReturnType<typeof segments>) => found.filter((s) => s.word >= 0).map((s) => s.text);
const marked = (found: ReturnType<typeof segments>) => found.filter((s) => s.hit).map((s) => s.text);

test("the server counts characters beyond 16 bits as one", () => {
  expect(indexOf("a😀b", 2)).toBe(3);
  expect(indexOf("ab", 9)).toBe(2);
});

test("segments together are the text", () => {
  const text = "Thank you, 😀 Northwind!";
  const found = segments(text, [word("Thank"), word(" you,"), word("Northwind!")], [hit(13, "Northwind")]);
  expect(found.map((s) => s.text).join("")).toBe(text);
  expect(words(found)).toEqual(["Thank", "you,", "Northwind", "!"]);
  expect(marked(found)).toEqual(["Northwind"]);
});

test("a repeated word is found in its own place", () => {
  const found = segments("no no yes", [word("no"), word("no"), word("yes")], []);
  expect(found.filter((s) => s.word >= 0).map((s) => [s.word, s.text])).toEqual([
    [0, "no"], [1, "no"], [2, "yes"],
  ]);
});

test("a word that the text lacks is left out", () => {
  expect(words(segments("one three", [word("one"), word("two"), word("three")], []))).toEqual(["one", "three"]);
  expect(words(segments("one", [word(" ")], []))).toEqual([]);
});

test("a keyword that has moved is marked where it stands now, or not at all", () => {
  expect(marked(segments("oh, the Alpha", [], [hit(4, "Alpha")]))).toEqual(["Alpha"]);
  expect(marked(segments("Alpha and Alpha", [], [hit(9, "Alpha")]))).toEqual(["Alpha"]);
  expect(segments("Alpha and Alpha", [], [hit(9, "Alpha")])[0]!.hit).toBe(false);
  expect(marked(segments("nothing", [], [hit(0, "Alpha")]))).toEqual([]);
});

test("what is not stable is told apart, inside a keyword too", () => {
  const found = segments("Northwind calls", [], [hit(0, "Northwind")], 5);
  expect(found.map((s) => [s.text, s.hit, s.unstable])).toEqual([
    ["North", true, false], ["wind", true, true], [" calls", false, true],
  ]);
});

test("an empty text has no segments", () => {
  expect(segments("", [word("a")], [hit(0, "a")])).toEqual([]);
});
