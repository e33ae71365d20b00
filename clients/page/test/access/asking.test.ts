import { expect, test } from "vitest";

import { access, admit } from "../../src/access/access.js";
import { begin, callToken, tryKey } from "../../src/access/asking.js";
import { ask } from "../../src/server.js";
import { serving, tab } from "./server.js";

const KEY = "cs_abcdefgh_secret";
const NO_KEY = { code: "no_key", message: "tokens are made with an API key" };
const EXPIRED = { code: "expired_key", message: "the key has expired" };
const UNKNOWN = { code: "unknown_key", message: "no such key" };

test("an open server wants no key, and neither does one that knows none", async () => {
  for (const answer of [[200, { key_needed: false }], [404, "there are / and others"]] as const) {
    await serving(
      () => answer,
      async () => {
        await begin();
        expect(access.value).toMatchObject({ state: "open", key: "", admitted: true });
      },
    );
  }
});

test("a server that needs a key is asked with the one that a reload has left", async () => {
  const shown: unknown[] = [];
  await serving(
    ({ url, headers }) => {
      shown.push([url, headers.authorization]);
      const scopes = headers.authorization ? { scopes: ["read"] } : {};
      return [200, { key_needed: true, ...scopes }];
    },
    async (stored) => {
      await begin();
      expect(access.value).toMatchObject({ state: "needed", denial: null, admitted: false });
      stored.set("callscribe.key", KEY);
      await begin();
      expect(access.value).toMatchObject({ state: "given", key: KEY, scopes: ["read"] });
    },
  );
  expect(shown).toEqual([["/v1/access", undefined], ["/v1/access", `Bearer ${KEY}`]]);
});

test("a wrong key is said and not kept, and one that no header can carry is not sent", async () => {
  let asked = 0;
  await serving(
    () => {
      asked += 1;
      return [401, { error: EXPIRED }];
    },
    async (stored) => {
      await tryKey(KEY);
      expect(access.value).toMatchObject({ state: "needed", denial: EXPIRED, key: "" });
      await tryKey("ключ");
      expect(access.value.denial?.code).toBe("unknown_key");
      expect(stored.size).toBe(0);
    },
  );
  expect(asked).toBe(1);
});

test("a reload while the server is away keeps the key, and a new one waits for it", async () => {
  const stored = tab();
  stored.set("callscribe.key", KEY);
  await begin();
  expect(access.value).toMatchObject({ state: "given", key: KEY });
  access.set({ ...access.value, state: "needed", key: "" });
  await tryKey(KEY);
  expect(access.value).toMatchObject({ state: "needed", denial: { code: "unreachable" } });
});

test("any request tells when the key counts no more", async () => {
  await serving(
    () => [401, { error: EXPIRED }],
    async () => {
      admit(KEY, ["read"]);
      expect(await ask("v1/sessions")).toMatchObject({ status: 401 });
      expect(access.value).toMatchObject({ state: "needed", denial: EXPIRED });
    },
  );
});

test("each call has a token of its own, made with the key", async () => {
  let made = 0;
  await serving(
    ({ method, url, headers }) => {
      expect([method, url, headers.authorization]).toEqual([
        ...["POST", "/v1/tokens", `Bearer ${KEY}`],
      ]);
      made += 1;
      return [200, { token: `cst_${made}`, expires_at: 1 }];
    },
    async () => {
      admit(KEY, ["transcribe"]);
      expect([await callToken(), await callToken()]).toEqual(["cst_1", "cst_2"]);
    },
  );
});

test.each([
  [403, { error: NO_KEY }, KEY],
  [403, { error: { code: "scope", message: "no" } }, { code: "scope", message: "no" }],
  [401, { error: UNKNOWN }, UNKNOWN],
  [502, "bad gateway", { code: "disconnected", message: "HTTP 502" }],
])("no token is made: %i %j", async (status, body, outcome) => {
  await serving(
    () => [status, body],
    async () => {
      admit(KEY, ["transcribe"]);
      // What cannot make tokens, such as a JSON Web Token, opens the call itself.
      if (typeof outcome === "string") expect(await callToken()).toBe(outcome);
      else await expect(callToken()).rejects.toMatchObject(outcome);
    },
  );
});
