import { beforeEach, expect, test } from "vitest";

import {
  access, admit, bearer, callSettings, denialIn, deny, forget, may, readerSettings, storedKey,
} from "../../src/access/access.js";
import { tab } from "./server.js";

const KEY = "cs_abcdefgh_secret";
const REVOKED = { code: "revoked_key", message: "the key was revoked" };
let stored: Map<string, string>;

beforeEach(() => {
  stored = tab();
});

test("a key is kept for the tab, and goes with requests, readers and calls", () => {
  const fetchToken = async (): Promise<string> => "t";
  expect([bearer(""), readerSettings(), callSettings(fetchToken)]).toEqual([{}, {}, {}]);
  admit(KEY, ["read"]);
  expect([...stored.values()]).toEqual([KEY]);
  expect(storedKey()).toBe(KEY);
  expect(bearer(KEY)).toEqual({ Authorization: `Bearer ${KEY}` });
  expect(readerSettings()).toEqual({ token: KEY });
  // A call has a token of its own: the key is in no handshake.
  expect(callSettings(fetchToken)).toEqual({ token: fetchToken });
});

test("a key may do what its scopes say, and an open server wants no key", () => {
  expect(may("read")).toBe(false);
  admit(KEY, ["read"]);
  expect([may("read"), may("transcribe"), may("admin")]).toEqual([true, false, false]);
  admit("", []);
  expect([may("read"), may("transcribe"), may("admin")]).toEqual([true, true, true]);
  deny("", null);
  expect(may("read")).toBe(false);
});

test("a key that ends is forgotten, and what was shown stays in sight", () => {
  admit(KEY, ["read"]);
  const { turn } = access.value;
  deny(KEY, REVOKED);
  expect(access.value).toMatchObject({ state: "needed", key: "", denial: REVOKED });
  expect(access.value).toMatchObject({ admitted: true, turn });
  expect(stored.size).toBe(0);
});

test("a late answer to the key before does not end the one in use", () => {
  admit(KEY, ["read"]);
  deny("cs_former", REVOKED);
  expect(access.value).toMatchObject({ state: "given", key: KEY, denial: null });
});

test("another key begins the views again", () => {
  admit(KEY, ["read"]);
  const { turn } = access.value;
  admit("cs_other", ["read"]);
  expect(access.value.turn).toBeGreaterThan(turn);
});

test("to forget a key is to load the page again without it", () => {
  admit(KEY, ["read"]);
  forget();
  expect(stored.size).toBe(0);
  expect(location.reload).toHaveBeenCalledOnce();
});

test.each([null, "text", {}, { error: "x" }, { error: { code: 1 } }])("no denial: %j", (body) => {
  expect(denialIn(body)).toBe(null);
});

test("a denial has the server's words", () => {
  expect(denialIn({ error: REVOKED })).toEqual(REVOKED);
});
