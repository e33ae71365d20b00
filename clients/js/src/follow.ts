import { denial, type TokenSource, tokenOf, withKey } from "./access.js";
import { pageAddress, socketUrl } from "./address.js";
import { Delivery } from "./delivery.js";
import { Emitter } from "./emitter.js";
import { asFailure, CallscribeError } from "./errors.js";
import { Inbox } from "./inbox.js";
import { now } from "./line.js";
import type { ReaderMessage, ServerMessage } from "./messages.js";
import { parseReaderMessage } from "./parsing.js";
import { Place } from "./place.js";
import { Redialling } from "./redialling.js";
import { openSocket } from "./socket.js";
import type { Tls, WebSocketLike } from "./opening.js";

const NORMAL_CLOSURE = 1000;
const PATIENCE_S = 60;
const OPEN_TIMEOUT_MS = 10_000;
/**
 * A reader cannot ask a silent server whether it is there. After so much silence it connects again
 * from its place, which costs one request and loses nothing.
 */
const SILENCE_MS = 30_000;

export type FollowState = "connecting" | "reading" | "reconnecting" | "ended" | "failed";

export interface FollowEvents {
  message: (message: ReaderMessage) => void;
  state: (state: FollowState, previous: FollowState) => void;
}

export interface FollowSettings {
  /** A `place` to go on from, or for a session id a `seq`; by default the beginning. */
  from?: string;
  /** A key or JSON Web Token with the scope `read`, or what fetches one before each connection. */
  token?: TokenSource;
  /** For Node: such a key, as a bearer token. */
  apiKey?: string;
  /** For Node. */
  headers?: Record<string, string>;
  /** For Node: a self-signed server. */
  tls?: Tls;
}

/**
 * Reads a call of others from any place on, until it has ended. `base`: the address of a gateway,
 * in a page "" for its own. `call`: a session id, a `conversation_id`, or another name; several
 * calls of one name are read together.
 *
 * Returns immediately. After a broken connection it goes on from its place: no final is missing or
 * told twice, and other events at most once.
 */
export function follow(base: string, call: string, settings: FollowSettings = {}): Follower {
  return new Follower(base, call, settings);
}

/** One reader; made by `follow`. */
export class Follower implements AsyncIterable<ReaderMessage> {
  /** Why the reader has `failed`: what denies the key, `unknown_call` or `disconnected`; else null. */
  failure: CallscribeError | null = null;
  #state: FollowState = "connecting";
  readonly #url: string;
  readonly #settings: FollowSettings;
  readonly #place: Place;
  readonly #redialling: Redialling;
  readonly #emitter = new Emitter<FollowEvents>();
  readonly #inboxes = new Set<Inbox<ReaderMessage>>();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #framed = new Set<string>();
  readonly #headers: Readonly<Record<string, string>>;
  #token = "";
  #socket: WebSocketLike | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(base: string, call: string, settings: FollowSettings) {
    const root = socketUrl(base, pageAddress(), "").replace(/[?#].*$/, "").replace(/\/+$/, "");
    this.#url = `${root}/v1/sessions/${encodeURIComponent(call)}`;
    this.#settings = settings;
    this.#headers = withKey(settings.headers, settings.apiKey);
    this.#place = new Place(call, settings.from);
    this.#redialling = new Redialling([this.#url], PATIENCE_S);
    this.#redialling.lost(now(), true);
    queueMicrotask(() => this.#connect());
  }

  get state(): FollowState {
    return this.#state;
  }

  /** Where it would go on; for `from`. */
  get place(): string {
    return String(this.#place);
  }

  /** Adds a listener; returns what removes it, as an aborted `signal` does. */
  on<K extends keyof FollowEvents>(
    name: K,
    listener: FollowEvents[K],
    options?: { signal?: AbortSignal },
  ): () => void {
    return this.#emitter.on(name, listener as never, options);
  }

  /** Stops reading; nothing happens to the call. */
  stop(): void {
    this.#end("ended", null);
  }

  /** Yields the messages from now on; throws the failure behind them. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ReaderMessage> {
    const inbox = new Inbox<ReaderMessage>((each) => this.#inboxes.delete(each));
    if (this.#isOver()) inbox.end(this.failure);
    else this.#inboxes.add(inbox);
    return inbox;
  }

  #connect(): void {
    const attempt = this.#isOver() ? null : this.#redialling.nextAttempt(now(), Math.random());
    if (attempt === null) {
      const text = "the gateway could not be reached; go on from `place`";
      return this.#end("failed", new CallscribeError("disconnected", text));
    }
    this.#timer = setTimeout(() => void this.#open(), attempt.waitS * 1000);
  }

  async #open(): Promise<void> {
    const { token, tls } = this.#settings;
    try {
      this.#token = await tokenOf(token);
      const headers = this.#headers;
      const handshake = { token: this.#token, headers, tls, WebSocket: undefined };
      const url = `${this.#url}/events?from=${this.place}`;
      const { socket } = await openSocket(url, handshake);
      if (this.#isOver()) return socket.close();
      this.#attend(socket);
    } catch (error) {
      const failure = asFailure(error, "disconnected");
      if (failure.code !== "disconnected") return this.#end("failed", failure);
      this.#failed(0);
    }
  }

  #attend(socket: WebSocketLike): void {
    let opened = false;
    this.#socket = socket;
    this.#await(OPEN_TIMEOUT_MS, () => this.#failed(0));
    socket.onopen = () => {
      opened = true;
      this.#redialling.connected(this.#url, now());
      this.#move("reading");
      this.#await(SILENCE_MS, () => this.#lost());
    };
    socket.onmessage = ((event: { data: unknown }) => {
      this.#await(SILENCE_MS, () => this.#lost());
      this.#receive(event.data);
    }) as never;
    socket.onerror = () => undefined;
    socket.onclose = ((event: { code: number }) => {
      if (event.code === NORMAL_CLOSURE) return this.#end("ended", null);
      if (opened) this.#lost();
      else void this.#refused();
    }) as never;
  }

  /** Gives the connection up unless something is heard before. */
  #await(ms: number, giveUp: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(giveUp, ms);
  }

  /** Connects again after a connection that was open. */
  #lost(): void {
    this.#detach();
    if (this.#isOver()) return;
    const quietly = navigatorIsOnline();
    if (!quietly) this.#move("reconnecting");
    this.#redialling.lost(now(), quietly);
    this.#connect();
  }

  /** Tries again after an attempt that did not get as far as a connection. */
  #failed(retryAfterS: number): void {
    this.#detach();
    if (this.#isOver()) return;
    this.#redialling.failed(this.#url, now(), retryAfterS);
    if (this.#state !== "connecting") this.#move("reconnecting");
    this.#connect();
  }

  /** Finds out whether nothing can be read: a WebSocket does not say why it was refused. */
  async #refused(): Promise<void> {
    this.#detach();
    const headers = { ...this.#headers };
    if (this.#token) headers["Authorization"] = `Bearer ${this.#token}`;
    const url = this.#url.replace(/^ws/, "http");
    const answer = await fetch(url, { headers }).catch(() => null);
    const denied = denial(answer?.status ?? 0, await answer?.json().catch(() => null));
    if (denied !== null) return this.#end("failed", denied);
    if (answer?.status === 404) {
      return this.#end("failed", new CallscribeError("unknown_call", "there is no such call"));
    }
    this.#failed(Number(answer?.headers.get("Retry-After")) || 0); // it may be a date
  }

  #receive(data: unknown): void {
    let message: ReaderMessage | null;
    try {
      message = parseReaderMessage(data);
    } catch (error) {
      return this.#end("failed", asFailure(error, "protocol"));
    }
    if (message === null || !this.#isNew(message)) return;
    if (message.type !== "session_created") this.#redialling.advanced();
    this.#place.note(message);
    this.#emitter.emit("message", message);
    for (const inbox of this.#inboxes) inbox.add(message, message.type === "partial");
  }

  #isNew(message: ReaderMessage): boolean {
    const { session_id: call } = message;
    if (message.type === "session_created" || message.type === "session_ended") {
      const told = `${message.type} ${call}`;
      const isNew = !this.#framed.has(told);
      this.#framed.add(told);
      return isNew;
    }
    const delivery = this.#deliveries.get(call) ?? new Delivery(this.#place.of(call));
    this.#deliveries.set(call, delivery);
    return delivery.isNew(message as unknown as ServerMessage);
  }

  #detach(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #move(state: FollowState): void {
    const previous = this.#state;
    this.#state = state;
    if (state !== previous) this.#emitter.emit("state", state, previous);
  }

  #end(state: "ended" | "failed", failure: CallscribeError | null): void {
    if (this.#isOver()) return;
    this.#detach();
    this.failure = failure;
    for (const inbox of this.#inboxes) inbox.end(failure);
    this.#move(state);
  }

  #isOver(): boolean {
    return this.#state === "ended" || this.#state === "failed";
  }
}

function navigatorIsOnline(): boolean {
  return globalThis.navigator?.onLine !== false;
}
