import type { IncomingMessage } from "node:http";

import { afterEach, expect, test, vi } from "vitest";
import { WebSocket as NodeSocket } from "ws";

import { denial, tokenOf, withKey } from "../src/access.js";
import { follow } from "../src/index.js";
import { mulaw } from "./calls.js";
import { type Peer, serving, type Verify } from "./peer.js";

afterEach(() => vi.unstubAllGlobals());

const problem = (code: string, message: string): string =>
  JSON.stringify({ error: { code, message } });
const carried = ({ headers }: IncomingMessage): string[] => [
  `${headers.authorization}`,
  `${headers["sec-websocket-protocol"]}`,
];

test("an answer without a code of ours does not say why", () => {
  const body = { error: { code: "scope", message: "no" } };
  expect(denial(403, body)).toMatchObject({ code: "scope", message: "no", retryable: false });
  for (const other of [null, "text", {}, { error: 1 }, { error: { code: "constructor" } }]) {
    expect(denial(401, other)).toBe(null);
  }
  expect(denial(404, body)).toBe(null);
});

test("a key goes as a bearer token, and only where there is no other", async () => {
  expect(withKey({ "X-More": "m" }, "k1")).toEqual({ "X-More": "m", Authorization: "Bearer k1" });
  expect(withKey({ authorization: "x" }, undefined)).toEqual({ authorization: "x" });
  expect(() => withKey({ authorization: "x" }, "k1")).toThrow("not both");
  expect(await tokenOf(async () => "cst_a.b-c")).toBe("cst_a.b-c");
  await expect(tokenOf("a b")).rejects.toMatchObject({ code: "misuse" });
});

test.each([
  ["missing_key", 401, "refused: missing_key: this server needs an API key"],
  ["spent_token", 401, "refused: spent_token: the token has opened its call already"],
  ["origin", 403, "refused: origin: this page may not use this server"],
])("in Node the answer to the handshake says why: %s", async (code, status, body) => {
  const use = async (url: string): Promise<void> => {
    const call = mulaw(url, { apiKey: "k1" });
    const message = body.split(": ")[2];
    await expect(call.finish()).rejects.toMatchObject({ code, message, retryable: false });
  };
  await serving(() => undefined, use, () => [status, `${body}\n`]);
});

test("a proxy that wants its own password is no call server", async () => {
  const use = async (url: string): Promise<void> => {
    const failed = mulaw(url, { apiKey: "k1" }).finish();
    await expect(failed).rejects.toMatchObject({ code: "wrong_address" });
  };
  await serving(() => undefined, use, () => [401, "<h1>Who are you?</h1>"]);
});

test("a key that is revoked ends a call that would resume", async () => {
  let handshakes = 0;
  const cut = async (peer: Peer): Promise<void> => {
    await peer.accept();
    peer.cut();
  };
  const use = async (url: string): Promise<void> => {
    const call = mulaw(url, { apiKey: "k1" });
    await new Promise<void>((resolve) => {
      call.on("state", (state) => state === "failed" && resolve());
    });
    expect(call.failure).toMatchObject({ code: "revoked_key", message: "the key was revoked" });
    expect(handshakes).toBe(2);
  };
  const verify: Verify = () => {
    handshakes += 1;
    return handshakes === 1 ? 0 : [401, "refused: revoked_key: the key was revoked\n"];
  };
  await serving([cut], use, verify);
});

/** A browser's WebSocket does not tell why a handshake failed. */
function inBrowser(): void {
  vi.stubGlobal("WebSocket", NodeSocket);
  vi.stubGlobal("document", { baseURI: "http://page.example/" });
}

/** Refuses every handshake, and answers the question for the reason. */
function asked(answer: readonly [number, string], seen: string[][]): Verify {
  return (request) => {
    seen.push([`${request.url}`, ...carried(request)]);
    return request.url === "/v1/access" ? answer : 401;
  };
}

test.each([
  [undefined, [200, '{"key_needed": true}'], "missing_key", "give `token`"],
  ["t", [200, '{"key_needed": true, "scopes": ["read"]}'], "scope", "the scope transcribe"],
  ["t", [401, problem("expired_token", "the token has expired")], "expired_token", "has expired"],
  ["t", [200, '{"key_needed": true, "scopes": ["transcribe"]}'], "refused", "it is full"],
  [undefined, [200, '{"key_needed": false}'], "refused", "it is full"],
  ["t", [404, "there are / and others"], "refused", "it is full"],
] as const)("a browser asks why: token %s, answer %j", async (token, answer, code, text) => {
  inBrowser();
  const seen: string[][] = [];
  const use = async (url: string): Promise<void> => {
    const failed = mulaw(url, token === undefined ? {} : { token }).finish();
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
  };
  await serving(() => undefined, use, asked(answer, seen));
  expect(seen.slice(0, 2)).toEqual([
    ["/ws/asr", "undefined", token ? `callscribe,token.${token}` : "undefined"],
    ["/v1/access", token ? `Bearer ${token}` : "undefined", "undefined"],
  ]);
});

test("a reader's token goes with its handshake, and one that does not count ends it", async () => {
  const seen: string[][] = [];
  const text = "this needs a key with the scope read";
  const use = async (url: string): Promise<void> => {
    const base = url.replace("/ws/asr", "").replace("ws:", "http:");
    const failure = { code: "scope", message: text };
    let fetched = 0;
    const token = async (): Promise<string> => `t${(fetched += 1)}`;
    for (const settings of [{ token }, { apiKey: "k1" }]) {
      const read = follow(base, "c", settings)[Symbol.asyncIterator]().next();
      await expect(read).rejects.toMatchObject(failure);
    }
  };
  await serving(
    () => undefined,
    use,
    (request) => {
      seen.push(carried(request));
      return [403, problem("scope", text)];
    },
  );
  expect(seen).toEqual([
    ["undefined", "callscribe,token.t1"],
    ["Bearer t1", "undefined"],
    ["Bearer k1", "undefined"],
    ["Bearer k1", "undefined"],
  ]);
});
