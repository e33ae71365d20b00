import { expect, test } from "vitest";

import { resuming, socketUrl } from "../src/address.js";

const PAGE = "https://example.com/speech/index.html?x#y";

test.each([
  ["ws://host:8000/ws/asr", undefined, "ws://host:8000/ws/asr"],
  ["wss://host", PAGE, "wss://host/"],
  ["http://host/ws/asr", undefined, "ws://host/ws/asr"],
  ["", PAGE, "wss://example.com/speech/ws/asr"],
  ["/other", PAGE, "wss://example.com/other"],
  ["", "http://localhost:8000/", "ws://localhost:8000/ws/asr"],
])("%j in the page %j is %s", (url, page, expected) => {
  expect(socketUrl(url, page)).toBe(expected);
});

test.each([
  ["", undefined],
  ["/path", undefined],
  ["ftp://host", PAGE],
  ["ws://", undefined],
])("%j in the page %j is refused", (url, page) => {
  expect(() => socketUrl(url, page)).toThrow("is no ws:// or wss:// URL");
});

test("a resumed call says so beside other parameters", () => {
  expect(resuming("ws://host/ws/asr")).toBe("ws://host/ws/asr?resume=1");
  expect(resuming("ws://host/ws/asr?a=b")).toBe("ws://host/ws/asr?a=b&resume=1");
});
