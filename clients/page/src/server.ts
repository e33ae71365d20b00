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

/** Asks for a path; resolves in any case, unless `signal` ends it. */
export async function ask(path: string, signal?: AbortSignal): Promise<Answer> {
  try {
    const response = await fetch(address(path), { signal: signal ?? null });
    const text = await response.text();
    return { status: response.status, body: parsed(text) };
  } catch (error) {
    if (signal?.aborted) throw error;
    return { status: 0, body: null };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
