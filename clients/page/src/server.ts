import { access, bearer, denialIn, deny } from "./access/access.js";

/** Returns the address of one of the gateway's paths, also where the page lies below a prefix. */
export function address(path: string): string {
  return new URL(path, document.baseURI.replace(/#.*$/, "")).href;
}

/** The same for a WebSocket. */
export function socketAddress(path: string): string {
  return address(path).replace(/^http/, "ws");
}

/** What a request for JSON came to; `status` 0 means that no answer came. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Question {
  /** Ends the request. */
  readonly signal?: AbortSignal;
  /** In place of the key in use. */
  readonly key?: string;
  readonly method?: "POST";
}

/** Asks for a path, with the key of this tab; resolves in any case, unless `signal` ends it. */
export async function ask(path: string, question: Question = {}): Promise<Answer> {
  try {
    const response = await request(path, question);
    return { status: response.status, body: parsed(await response.text()) };
  } catch (error) {
    if (question.signal?.aborted) throw error;
    return { status: 0, body: null };
  }
}

/** Makes such a request. Rejects as `fetch` does; a key that does not count is noted. */
export async function request(path: string, question: Question = {}): Promise<Response> {
  const { signal = null, key = access.value.key, method = "GET" } = question;
  const response = await fetch(address(path), { signal, method, headers: bearer(key) });
  if (response.status === 401) deny(key, denialIn(parsed(await response.clone().text())));
  return response;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
