import { closingFailure } from "./closing.js";
import { asFailure, CallscribeError } from "./errors.js";
import type { ErrorMessage, ServerMessage, SessionCreated } from "./messages.js";
import { parseMessage } from "./parsing.js";
import { type Handshake, openSocket } from "./socket.js";
import type { WebSocketLike } from "./opening.js";

/** A close code of our own: a gateway goes on waiting for a client that closes with it. */
const LEFT = 4000;
const NORMAL_CLOSURE = 1000;
const ABNORMAL_CLOSURE = 1006;
/** What a server has to answer a close, where the socket lets us stop waiting (`ws`). */
const CLOSE_MS = 2_000;

/** One WebSocket message, for debugging; `at` in ms since 1970. */
export interface Traffic {
  readonly direction: "in" | "out";
  readonly at: number;
  readonly text?: string;
  readonly bytes?: number;
}

/** What a connection reports. Nothing follows `closed`, and nothing follows `Connection.leave`. */
export interface ConnectionEvents {
  /** Called before any later message, with the errors that came before it. */
  created(created: SessionCreated, before: readonly ErrorMessage[]): void;
  message(message: ServerMessage): void;
  /** The connection of a created call has ended; null: in order. */
  closed(failure: CallscribeError | null): void;
  traffic(traffic: Traffic): void;
}

/** One connection of a call, from its handshake on. */
export class Connection {
  #socket: WebSocketLike | null = null;
  #opened = false;
  #created = false;
  #gone = false;
  /** The server's errors before the call was created, then the last one. */
  #said: ErrorMessage[] = [];
  readonly #events: ConnectionEvents;
  #settle: (failure: CallscribeError | null) => void = () => undefined;

  constructor(events: ConnectionEvents) {
    this.#events = events;
  }

  /** Bytes that the socket has not passed on. */
  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /**
   * Connects, sends the config and waits for `session_created`, all within `timeoutS` seconds.
   * Throws the failure; then nothing is left open.
   */
  async dial(url: string, handshake: Handshake, config: object, timeoutS: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const text = `${url} did not begin the call in ${timeoutS} s`;
      timer = setTimeout(() => reject(new CallscribeError("disconnected", text)), timeoutS * 1000);
    });
    try {
      await Promise.race([this.#dial(url, handshake, config), late]);
    } catch (error) {
      this.leave("resume" in config ? LEFT : NORMAL_CLOSURE);
      throw asFailure(error, "disconnected");
    } finally {
      clearTimeout(timer);
    }
  }

  send(message: string | Uint8Array): void {
    this.#socket?.send(message);
    this.#report("out", message);
  }

  /** Ends the connection without another event. With 1000 the server ends the call, too. */
  leave(code: number = LEFT): void {
    this.#gone = true;
    this.#settle(new CallscribeError("disconnected", "the connection was left"));
    const socket = this.#socket;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // Closing before the handshake is over is reported as an error, which nobody waits for.
    socket.onerror = () => undefined;
    socket.close(code);
    const { terminate } = socket as Partial<{ terminate(): void }>;
    if (terminate) setTimeout(() => terminate.call(socket), CLOSE_MS).unref();
  }

  async #dial(url: string, handshake: Handshake, config: object): Promise<void> {
    const { socket, refusal } = await openSocket(url, handshake);
    this.#socket = socket;
    if (this.#gone) return this.leave(NORMAL_CLOSURE);
    socket.binaryType = "arraybuffer";
    let why = "";
    socket.onopen = () => {
      this.#opened = true;
      this.send(JSON.stringify({ type: "config", ...config }));
    };
    socket.onmessage = ((event: { data: unknown }) => this.#receive(event.data)) as never;
    socket.onerror = ((event: { message?: string }) => (why = event.message ?? "")) as never;
    await new Promise<void>((resolve, reject) => {
      this.#settle = (failure) => (failure === null ? resolve() : reject(failure));
      socket.onclose = ((event: { code: number; reason: string }) => {
        if (this.#opened || event.code !== ABNORMAL_CLOSURE) {
          return this.#closed(event.code, event.reason);
        }
        const text = `cannot reach ${url}${why && `: ${why}`}`;
        reject(refusal() ?? new CallscribeError("disconnected", text));
      }) as never;
    });
  }

  #receive(data: unknown): void {
    this.#report("in", data as string);
    let message: ServerMessage | null;
    try {
      message = parseMessage(data);
    } catch (error) {
      return this.#fail(asFailure(error, "protocol"));
    }
    if (message === null) return;
    if (message.type === "error") this.#said.push(message);
    if (this.#created) {
      this.#said.splice(0, this.#said.length - 1);
      try {
        this.#events.message(message);
      } catch (error) {
        this.#fail(asFailure(error, "protocol"));
      }
    } else if (message.type === "session_created") {
      this.#begin(message);
    }
  }

  #begin(created: SessionCreated): void {
    this.#created = true;
    const before = this.#said;
    this.#said = [];
    try {
      this.#events.created(created, before);
      this.#settle(null);
    } catch (error) {
      this.#settle(asFailure(error, "protocol"));
    }
  }

  #closed(code: number, reason: string): void {
    if (this.#gone) return;
    this.#gone = true;
    const failure = closingFailure(code, reason, this.#said.at(-1) ?? null);
    if (this.#created) return this.#events.closed(failure);
    const text = "the server closed the connection before the call began";
    this.#settle(failure ?? new CallscribeError("disconnected", text));
  }

  #fail(failure: CallscribeError): void {
    if (this.#gone) return;
    this.#settle(failure);
    this.leave();
    if (this.#created) this.#events.closed(failure);
  }

  #report(direction: "in" | "out", data: string | Uint8Array): void {
    const what = typeof data === "string" ? { text: data } : { bytes: data.byteLength };
    this.#events.traffic({ direction, at: Date.now(), ...what });
  }
}
