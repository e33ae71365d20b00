import type { CallscribeError } from "./errors.js";

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

/** A socket whose handshake is under way, and why HTTP refused it, where that is known. */
export interface Opening {
  readonly socket: WebSocketLike;
  readonly refusal: () => CallscribeError | null;
}
