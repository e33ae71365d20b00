import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ClientOptions, WebSocket as WsSocket } from "ws";

import { RETRY_AFTER_S } from "./closing.js";
import { denial } from "./access.js";
import { CallscribeError } from "./errors.js";
import type { Opening, Tls } from "./opening.js";

// Hidden from bundlers, which would look for Node's modules when they build for a browser.
const MOST_SAID = 1000;
const load = (name: string): Promise<unknown> => import(/* @vite-ignore */ name);

/** Begins a handshake with the package `ws`; throws `misuse` where it is not installed. */
export async function openNodeSocket(
  url: string,
  protocols: readonly string[],
  headers: Readonly<Record<string, string>>,
  tls: Tls | undefined,
): Promise<Opening> {
  const { WebSocket } = await loadWs();
  const options: ClientOptions = { headers, perMessageDeflate: false };
  if (tls?.ca !== undefined) options.ca = tls.ca;
  if (tls?.fingerprint !== undefined) {
    const socket = await pinned(url, tls.fingerprint);
    // Agent or not, http takes any connected socket.
    options.createConnection = (() => socket) as unknown as ClientOptions["createConnection"];
  }
  const socket = new WebSocket(url, [...protocols], options);
  let refusal: CallscribeError | null = null;
  socket.on("unexpected-response", (request, response) => {
    const status = response.statusCode ?? 0;
    refusal = rejection(url, status, response.headers["retry-after"]);
    const over = (): void => {
      request.destroy();
      response.destroy();
      socket.terminate();
    };
    let said = "";
    response.on("data", (chunk) => {
      said += chunk;
      refusal = denied(status, said) ?? refusal;
      if (said.length > MOST_SAID) over();
    });
    response.on("close", over);
  });
  return { socket: socket as never, refusal: () => refusal };
}

/** Returns what an HTTP answer in place of the handshake means. */
export function rejection(url: string, status: number, retryAfter?: string): CallscribeError {
  if (status === 429 || status === 503) {
    const wait = /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) : RETRY_AFTER_S;
    const text = `${url} accepts no calls now (HTTP ${status})`;
    return new CallscribeError("refused", text, wait);
  }
  if (status >= 500) {
    // From a proxy without a server behind it.
    return new CallscribeError("disconnected", `cannot reach ${url}: HTTP ${status}`);
  }
  return new CallscribeError("wrong_address", `${url} is no call server: HTTP ${status}`);
}

/** Returns what the text behind a refused handshake says of the key; null: nothing. */
function denied(status: number, said: string): CallscribeError | null {
  const [, code, message] = /^refused: (\w+): (.+)/.exec(said) ?? [];
  return denial(status, { error: { code, message } });
}

async function loadWs(): Promise<{ WebSocket: typeof WsSocket }> {
  try {
    return (await load("ws")) as { WebSocket: typeof WsSocket };
  } catch {
    const text = "install the package ws: this Node has no WebSocket, or none with these settings";
    throw new CallscribeError("misuse", text);
  }
}

/** Connects to a server whose certificate has this fingerprint; it may be self-signed. */
async function pinned(url: string, fingerprint: string): Promise<Socket> {
  const { connect } = (await load("node:tls")) as typeof import("node:tls");
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket: TLSSocket = connect({
    host,
    port: Number(port || 443),
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    rejectUnauthorized: false,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", (error) =>
      reject(new CallscribeError("disconnected", `cannot reach ${url}: ${error.message}`)),
    );
  });
  const plain = (text: string): string => text.replaceAll(":", "").toLowerCase();
  const found = socket.getPeerX509Certificate()?.fingerprint256 ?? "";
  if (plain(found) === plain(fingerprint)) return socket;
  socket.destroy();
  throw new CallscribeError("wrong_address", `${url} has another certificate: ${found}`);
}
