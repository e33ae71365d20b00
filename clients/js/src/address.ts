import { CallscribeError } from "./errors.js";

/** Where a gateway answers the native protocol. */
const PATH = "ws/asr";

/**
 * Returns an absolute ws:// or wss:// URL. A path, or "" for the usual one, is for a page: it
 * stands for the page's own server. Throws `misuse` for anything else.
 */
export function socketUrl(url: string, page: string | undefined, path = PATH): string {
  let parsed: URL;
  try {
    parsed = page === undefined ? new URL(url) : new URL(url || path, page);
  } catch {
    throw new CallscribeError("misuse", `${url || "an empty URL"} is no ws:// or wss:// URL`);
  }
  const scheme = { "http:": "ws:", "https:": "wss:" }[parsed.protocol] ?? parsed.protocol;
  if (scheme !== "ws:" && scheme !== "wss:") {
    throw new CallscribeError("misuse", `${url} is no ws:// or wss:// URL`);
  }
  parsed.hash = "";
  return parsed.href.replace(/^[a-z]+:/, scheme);
}

/** Returns the URL with the flag that lets a resumed call skip admission at the handshake. */
export function resuming(url: string): string {
  const parsed = new URL(url);
  parsed.searchParams.set("resume", "1");
  return parsed.href;
}

/** The page's address, undefined where there is no page. */
export function pageAddress(): string | undefined {
  return typeof document === "undefined" ? undefined : document.baseURI;
}
