import { expect, test } from "vitest";

import { Emitter } from "../src/emitter.js";

interface Events {
  said: (text: string) => void;
}

test("listeners are called in their order, until they are removed", () => {
  const emitter = new Emitter<Events>();
  const heard: string[] = [];
  const first = emitter.on("said", (text) => heard.push(`1 ${text}`));
  const abort = new AbortController();
  emitter.on("said", (text) => heard.push(`2 ${text}`), { signal: abort.signal });
  emitter.emit("said", "a");
  first();
  emitter.emit("said", "b");
  abort.abort();
  emitter.emit("said", "c");
  expect(heard).toEqual(["1 a", "2 a", "2 b"]);
  expect(emitter.has("said")).toBe(false);
});

test("a function may listen twice, and one that comes after the abort does not listen", () => {
  const emitter = new Emitter<Events>();
  let count = 0;
  const listener = (): void => void (count += 1);
  emitter.on("said", listener);
  emitter.on("said", listener)();
  emitter.on("said", listener, { signal: AbortSignal.abort() });
  emitter.emit("said", "a");
  expect(count).toBe(1);
});
