import { expect, test } from "vitest";

import { grouped } from "../../src/listen/running.js";

test("legs of one conversation are one call, and the newest call is first", () => {
  const sessions = [
    {
      session_id: "a",
      conversation_id: "order-17",
      channels: 1,
      channel_labels: ["agent"],
      started: 10,
    },
    { session_id: "b", channels: 2, started: 20 },
    {
      session_id: "c",
      conversation_id: "order-17",
      channels: 1,
      channel_labels: ["caller"],
      started: 11,
    },
  ];
  expect(grouped({ sessions })).toEqual([
    { name: "b", sessions: 1, labels: [], channels: 2, started: 20 },
    { name: "order-17", sessions: 2, labels: ["agent", "caller"], channels: 2, started: 10 },
  ]);
});

test("an answer of another kind lists nothing", () => {
  expect([grouped(null), grouped("busy"), grouped({})]).toEqual([[], [], []]);
});
