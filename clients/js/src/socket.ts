import { subprotocols } from "./access.js";
import { CallscribeError } from "./errors.js";
import type { Opening, Tls, WebSocketConstructor } from "./opening.js";

export interface Handshake {
  /** "" for none. */
  readonly token: string;
  /** For Node; empty elsewhere. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Tls | undefined;
  readonly WebSocket: WebSocketConstructor | undefined;
}

/**
 * Begins a handshake with the platform's WebSocket, in Node also with the package `ws`. Throws
 * `misuse` for what this platform cannot do.
 */
export async function openSocket(url: string, handshake: Handshake): Promise<Opening> {
  const { headers, tls } = handshake;
  const protocols = subprotocols(handshake.token);
  const plain = Object.keys(headers).length === 0 && tls === undefined;
  const own = globalThis.WebSocket as WebSocketConstructor | undefined;
  const Platform = handshake.WebSocket ?? own;
  if (Platform !== undefined && plain) {
    return { socket: new Platform(url, protocols), refusal: () => null };
  }
  if (!inNode()) {
    throw new CallscribeError("misuse", "apiKey, headers and tls are for Node; use token here");
  }
  const { openNodeSocket } = await import("./node-socket.js");
  return openNodeSocket(url, protocols, headers, tls);
}

/** Whether this is Node, or Electron with Node's modules. */
export function inNode(): boolean {
  return typeof process !== "undefined" && typeof process.versions?.node === "string";
}
