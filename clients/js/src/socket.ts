import { subprotocols } from "./access.js";
import { CallscribeError } from "./errors.js";

/** What the client needs of a WebSocket; that of browsers, of Node and of `ws` have it. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** A self-signed server, for Node. */
export interface Tls {
  /** Certificates in PEM that are trusted instead of Node's own. */
  ca?: string;
  /** SHA-256 of the server's certificate in hexadecimal, with or without colons. */
  fingerprint?: string;
}

export interface Handshake {
  /** "" for none. */
  readonly token: string;
  /** For Node; empty elsewhere. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Tls | undefined;
  readonly WebSocket: WebSocketConstructor | undefined;
}

/** A socket whose handshake is under way, and why HTTP refused it, where that is known. */
export interface Opening {
  readonly socket: WebSocketLike;
  readonly refusal: () => CallscribeError | null;
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
