import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { vi } from "vitest";

import { access } from "../../src/access/access.js";

/** What a server answers: a status and a body. */
export type Answer = readonly [number, unknown];

/** Begins a tab without anything stored, whose page lies at `base`. Returns its storage. */
export function tab(base = "http://127.0.0.1:1/"): Map<string, string> {
  const stored = new Map<string, string>();
  vi.stubGlobal("document", { baseURI: base });
  vi.stubGlobal("location", { reload: vi.fn() });
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => void stored.set(name, value),
    removeItem: (name: string) => void stored.delete(name),
  });
  const empty = { key: "", scopes: [], denial: null, admitted: false, turn: 0 };
  access.set({ state: "asking", ...empty });
  return stored;
}

/** Serves while `use` runs; the page lies there. */
export async function serving(
  answer: (request: IncomingMessage) => Answer,
  use: (stored: Map<string, string>) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    const [status, body] = answer(request);
    response.writeHead(status, { Connection: "close" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use(tab(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
  } finally {
    server.close();
  }
}
