import { CallscribeError, isErrorCode } from "./errors.js";

/** A key or token, or what fetches one. */
export type TokenSource = string | (() => Promise<string>);

/** RFC 9110, 5.6.2: what a WebSocket subprotocol may consist of. */
const HTTP_TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const ASK_MS = 5_000;
const NEEDED = "the server needs an API key, or a token made with one: give `token`";
const NO_CALLS = "this needs a key with the scope transcribe";

/** Returns a token; "" where there is none. Throws `misuse` for one that cannot be sent. */
export async function tokenOf(source: TokenSource | undefined): Promise<string> {
  if (source === undefined) return "";
  const token = typeof source === "string" ? source : await source();
  if (!HTTP_TOKEN.test(token)) {
    throw new CallscribeError("misuse", "the token has characters that a subprotocol cannot have");
  }
  return token;
}

/** Returns the headers that carry a key. Throws `misuse` where they have another one already. */
export function withKey(
  headers: Readonly<Record<string, string>> = {},
  key: string | undefined,
): Record<string, string> {
  if (key === undefined) return { ...headers };
  if (Object.keys(headers).some((name) => name.toLowerCase() === "authorization")) {
    const text = "give an API key or an Authorization header, not both";
    throw new CallscribeError("misuse", text);
  }
  return { ...headers, Authorization: `Bearer ${key}` };
}

/** Returns the subprotocols that carry a token: the only thing a browser can send along. */
export function subprotocols(token: string): string[] {
  return token ? ["callscribe", `token.${token}`] : [];
}

/** Returns why a server answered 401 or 403, by the body of its answer; null: it does not say. */
export function denial(status: number, body: unknown): CallscribeError | null {
  if (status !== 401 && status !== 403) return null;
  const { error } = Object(body) as { error?: { code?: unknown; message?: unknown } };
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  return isErrorCode(String(code)) ? new CallscribeError(code as never, String(message)) : null;
}

/**
 * Asks the server of a call's URL whether it refused a handshake because of the token, which a
 * browser does not tell; null: because of something else, or it cannot be asked from this page.
 */
export async function askWhyDenied(url: string, token: string): Promise<CallscribeError | null> {
  const headers = withKey({}, token || undefined);
  const path = new URL("../v1/access", url.replace(/^ws/, "http"));
  try {
    const answer = await fetch(path, { headers, signal: AbortSignal.timeout(ASK_MS) });
    const said = await answer.json();
    if (!answer.ok) return denial(answer.status, said);
    if (said.key_needed !== true) return null;
    if (!token) return new CallscribeError("missing_key", NEEDED);
    const may = (said.scopes as readonly string[]).includes("transcribe");
    return may ? null : new CallscribeError("scope", NO_CALLS);
  } catch {
    return null;
  }
}
