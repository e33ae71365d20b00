import { expect, test } from "vitest";

import { connect, samples } from "../src/index.js";
import { mulaw } from "./calls.js";
import { type Peer, serving } from "./peer.js";

test.each([
  ["http with a wrong scheme", "ftp://host", {}, "no ws:// or wss:// URL"],
  ["no address", "", {}, "an empty URL is no ws:// or wss:// URL"],
  ["no URL", [], {}, "0 URLs"],
  ["little replay", "ws://host", { replayS: 4 }, "at least 1 and 5 s"],
  ["replay that is no number", "ws://host", { replayS: Number.NaN }, "at least 1 and 5 s"],
  ["two formats", "ws://host", { source: samples([], 8_000), format: {} }, "not both"],
  [
    "two keys",
    "ws://host",
    { apiKey: "k", headers: { authorization: "x" } },
    "an API key or an Authorization header, not both",
  ],
])("settings that cannot work are refused: %s", (_, url, settings, text) => {
  expect(() => connect(url, settings)).toThrow(text);
});

const orderly = async (peer: Peer): Promise<void> => {
  await peer.accept();
  await peer.until("finalize");
};

test("a key, headers and the token of the call go with every handshake of it", async () => {
  const seen: unknown[][] = [];
  const names = ["authorization", "x-more", "sec-websocket-protocol"];
  const note = (peer: Peer): unknown =>
    seen.push(names.map((name) => peer.request.headers[name]));
  const script = [
    async (peer: Peer) => {
      note(peer);
      await peer.accept();
      peer.cut();
    },
    async (peer: Peer) => {
      note(peer);
      await peer.resume();
      await peer.until("finalize");
    },
  ];
  let fetched = 0;
  const token = async (): Promise<string> => `secret${(fetched += 1)}`;
  await serving(script, async (url) => {
    const call = mulaw(url, { apiKey: "k1", headers: { "X-More": "m" }, token });
    await new Promise((resolve) => call.on("resumed", resolve));
    await call.finish();
  });
  expect(seen).toEqual([
    ["Bearer k1", "m", "callscribe,token.secret1"],
    ["Bearer k1", "m", "callscribe,token.secret1"],
  ]);
});

test("a token that cannot be had fails the call, and one that cannot be sent", async () => {
  await serving(orderly, async (url) => {
    const away = mulaw(url, { token: () => Promise.reject(new Error("no token today")) });
    await expect(away.finish()).rejects.toMatchObject({
      ...{ code: "disconnected", message: "no token today" },
    });
    const odd = mulaw(url, { token: "with a blank" });
    await expect(odd.finish()).rejects.toMatchObject({ code: "misuse" });
  });
});

test("a WebSocket of the program's own is used", async () => {
  const made: string[] = [];
  await serving(orderly, async (url) => {
    const { WebSocket: Ws } = await import("ws");
    class Own extends Ws {
      constructor(address: string, protocols?: string[]) {
        super(address, protocols);
        made.push(address);
      }
    }
    await mulaw(url, { WebSocket: Own as never }).finish();
    expect(made).toEqual([url]);
  });
});
