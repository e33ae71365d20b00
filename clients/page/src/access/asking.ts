import { CallscribeError, type ClientErrorCode, ERROR_CODES, type ErrorCode } from "callscribe";

import { ask } from "../server.js";
import { access, admit, deny, denialIn, SCOPES, storedKey } from "./access.js";

/** What an `Authorization` header may carry (RFC 6750, 2.1), and a little more. */
const PLAIN = /^[\w.~+/=-]+$/;

/** Finds out whether the server wants a key, and tries the one that a reload has left. */
export function begin(): Promise<void> {
  return tryKey(storedKey());
}

/** Uses a key if the server knows it; else `access` says what is wrong. */
export async function tryKey(key: string): Promise<void> {
  if (key && !PLAIN.test(key)) return deny(key, { code: "unknown_key", message: "" });
  const { status, body } = await ask("v1/access", { key });
  if (status === 401) return deny(key, denialIn(body));
  if (status === 200 || status === 404) {
    const { key_needed: needed, scopes = [] } = Object(body) as Said;
    if (!needed) return admit("", []); // older servers have no keys
    return key ? admit(key, scopes) : deny(key, null);
  }
  if (access.value.state === "needed") return deny(key, { code: "unreachable", message: "" });
  // A reload while the server is away keeps the key.
  admit(key, key ? SCOPES : []);
}

interface Said {
  key_needed?: boolean;
  scopes?: readonly string[];
}

/**
 * Returns what opens one call: a token of the server, so that the key itself is in no handshake,
 * whose headers proxies log more readily. What stands for a key and cannot make tokens, such as a
 * JSON Web Token, goes as it is. Rejects with a `CallscribeError`.
 */
export async function callToken(): Promise<string> {
  const { key } = access.value;
  const { status, body } = await ask("v1/tokens", { key, method: "POST" });
  if (status === 200) return (body as { token: string }).token;
  const { code, message } = denialIn(body) ?? { code: "", message: `HTTP ${status}` };
  if (code === "no_key") return key;
  throw new CallscribeError(known(code), message);
}

function known(code: string): ErrorCode | ClientErrorCode {
  return ERROR_CODES.find((each) => each === code) ?? "disconnected";
}
