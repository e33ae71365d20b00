import { expect, test } from "vitest";

import { Inbox, MOST_UNREAD } from "../src/inbox.js";

test("what was added comes in order, then the end", async () => {
  const left: unknown[] = [];
  const inbox = new Inbox<number>((each) => left.push(each));
  inbox.add(1, false);
  const later = (async () => {
    const found: number[] = [];
    for await (const item of inbox) found.push(item);
    return found;
  })();
  inbox.add(2, false);
  inbox.end(null);
  expect(await later).toEqual([1, 2]);
  expect(left).toEqual([inbox]);
});

test("the failure comes behind what was added, once", async () => {
  const inbox = new Inbox<number>(() => undefined);
  inbox.add(1, false);
  inbox.end(new Error("why"));
  expect(await inbox.next()).toEqual({ done: false, value: 1 });
  await expect(inbox.next()).rejects.toThrow("why");
  expect(await inbox.next()).toEqual({ done: true, value: undefined });
});

test("unread items that a later one replaces are dropped, others are not", async () => {
  const inbox = new Inbox<number>(() => undefined);
  for (let item = 0; item < MOST_UNREAD + 5; item += 1) inbox.add(item, true);
  inbox.add(-1, false);
  inbox.end(null);
  const found: number[] = [];
  for await (const item of inbox) found.push(item);
  expect(found).toHaveLength(MOST_UNREAD + 1);
  expect(found.at(-1)).toBe(-1);
});

test("an iterator that was left keeps nothing", async () => {
  const left: unknown[] = [];
  const inbox = new Inbox<number>((each) => left.push(each));
  inbox.add(1, false);
  for await (const _ of inbox) break;
  expect(left).toEqual([inbox]);
  expect((await inbox.next()).done).toBe(true);
});
