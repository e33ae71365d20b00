import { isPassing, PASSING_ERRORS, RETRY_AFTER_S } from "./closing.js";
import { askWhyDenied } from "./access.js";
import { resuming } from "./address.js";
import { Connection, type Traffic } from "./dialling.js";
import { Delivery } from "./delivery.js";
import { asFailure, CallscribeError } from "./errors.js";
import type { ErrorMessage, ServerMessage, SessionCreated } from "./messages.js";
import { Redialling } from "./redialling.js";
import { ReplayBuffer } from "./replay-buffer.js";
import type { Handshake } from "./socket.js";
import { Watch } from "./watch.js";

const OPEN_TIMEOUT_S = 10;
/** Seconds for one attempt to resume: short, since another server may be alive. */
const RESUME_TIMEOUT_S = 5;
/** Bytes that may wait in the socket; more are kept here, where a resumption finds them. */
const MOST_BUFFERED = 262_144;
const POLL_MS = 25;
const WATCH_MS = 1000;

export interface LineSettings {
  readonly urls: readonly string[];
  /** The body of the config that opens the call. */
  readonly config: Readonly<Record<string, unknown>> & { readonly events: readonly string[] };
  readonly frameBytes: number;
  /** Frames a second. */
  readonly rate: number;
  /** Whether the program is told of acknowledgements. */
  readonly acks: boolean;
  readonly resume: boolean;
  readonly patienceS: number;
  readonly replayS: number;
  /** Called before each handshake. */
  handshake(): Promise<Handshake>;
}

export interface LineEvents {
  created(created: SessionCreated): void;
  message(message: ServerMessage): void;
  broke(): void;
  /** `afterS` s without a connection; `position` in s of audio. */
  resumed(afterS: number, position: number): void;
  /** Audio up to `endS`, in s of audio, was handed to the connection. */
  sent(endS: number): void;
  traffic(traffic: Traffic): void;
  /** The call is over; null: in order. Nothing follows. */
  over(failure: CallscribeError | null): void;
}

/** A call's line to the servers: consecutive connections, and the state that survives them. */
export class Line {
  finalized = false;
  readonly #settings: LineSettings;
  readonly #events: LineEvents;
  readonly #buffer: ReplayBuffer;
  readonly #delivery = new Delivery();
  readonly #redialling: Redialling;
  readonly #watch = new Watch();
  #token = "";
  #resumeToken = "";
  #attempt = 0;
  #connection: Connection | null = null;
  #up = false;
  #over = false;
  #failure: CallscribeError | null = null;
  /** Set if the server ended the call because this side was away for too long. */
  #cut: CallscribeError | null = null;
  #waiting: (() => void)[] = [];
  #wakeUp: () => void = () => undefined;
  #watching: ReturnType<typeof setInterval> | undefined;
  #polling: ReturnType<typeof setTimeout> | undefined;
  #lastBuffered = 0;

  constructor(settings: LineSettings, events: LineEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#buffer = new ReplayBuffer(settings.frameBytes, settings.rate, settings.replayS);
    this.#redialling = new Redialling(settings.urls, settings.patienceS);
  }

  /**
   * Adds audio, which must not change afterwards. Resolves when there is room for more; rejects
   * when the call is over. A sender that does not wait for room ends the call with `overrun`.
   */
  async send(audio: Uint8Array): Promise<void> {
    this.#check();
    if (this.#buffer.overrun) {
      const kept = this.#settings.replayS;
      const text = `no server took the audio: ${kept} s are kept, and the source does not wait`;
      this.end(new CallscribeError("overrun", text));
      throw this.#failure;
    }
    this.#buffer.addAudio(audio);
    this.#pump();
    while (this.#buffer.full || (this.#buffer.ready && this.#up)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      this.#checkOver();
    }
  }

  /** Adds a control behind the audio; throws when nothing more can be sent. */
  control(message: object): void {
    this.#check();
    this.#buffer.addControl(JSON.stringify(message));
    this.#pump();
  }

  /** Adds the last control. */
  finalize(): void {
    if (this.finalized || this.#over) return;
    this.control({ type: "finalize" });
    this.finalized = true;
  }

  /** Ends the call on this side. */
  end(failure: CallscribeError | null): void {
    if (this.#over) return;
    this.#connection?.leave(1000);
    this.#settle(failure);
  }

  /** Notes that the network is there again (`online`), or that it is gone. */
  networkChanged(online: boolean): void {
    this.#watch.hasten();
    if (online) this.#wakeUp();
  }

  /** Begins the call at the first server that accepts it; failures are told by `over`. */
  async open(): Promise<void> {
    let failure = new CallscribeError("misuse", "there is no URL");
    for (const url of this.#settings.urls) {
      try {
        return await this.#dial(url, { ...this.#settings.config }, OPEN_TIMEOUT_S, 0);
      } catch (error) {
        if (this.#over) return;
        const later = asFailure(error, "disconnected");
        // What is temporary says more than that something else answers at another URL.
        if (!isPassing(failure) || isPassing(later)) failure = later;
        if (!isPassing(later) && later.code !== "wrong_address") break;
      }
    }
    this.#settle(await explained(failure, this.#settings.urls, this.#token));
  }

  async #dial(url: string, config: object, timeoutS: number, lostAt: number): Promise<void> {
    const resumes = "resume" in config;
    const connection = new Connection({
      created: (created, before) => {
        this.#begin(connection, url);
        if (resumes) this.#rewind(created, lostAt);
        else this.#start(created);
        for (const error of before) this.#receive(error);
        this.#pump();
      },
      message: (message) => this.#receive(message),
      closed: (failure) => this.#closed(failure),
      traffic: (traffic) => this.#events.traffic(traffic),
    });
    const handshake = await this.#settings.handshake();
    this.#token = handshake.token;
    if (this.#over) throw new CallscribeError("disconnected", "the call was left");
    this.#connection = connection;
    await connection.dial(resumes ? resuming(url) : url, handshake, config, timeoutS);
  }

  #begin(connection: Connection, url: string): void {
    this.#redialling.connected(url, now());
    this.#watch.connected(now());
    this.#connection = connection;
    this.#up = true;
    this.#lastBuffered = 0;
    clearInterval(this.#watching);
    this.#watching = setInterval(() => this.#look(), WATCH_MS);
  }

  #start(created: SessionCreated): void {
    this.#resumeToken = created.resume_token;
    this.#events.created(created);
  }

  #rewind(created: SessionCreated, lostAt: number): void {
    if (created.resumed !== true) {
      throw new CallscribeError("session_lost", "the server began a new call in place of this one");
    }
    const { position = 0, controls = 0 } = created;
    const seconds = position / this.#settings.rate;
    // After finalize nothing can follow, even if the server lacks some audio.
    const complete = this.finalized && controls === this.#buffer.controls;
    if (created.ended === true && !complete) {
      const text = `the server ended the call ${seconds.toFixed(1)} s into its audio`;
      this.#cut = new CallscribeError("session_lost", `${text}: this side was away`);
    } else if (!complete) {
      this.#buffer.rewind(position, controls);
    }
    this.#events.resumed(now() - lostAt, seconds);
  }

  #receive(message: ServerMessage): void {
    this.#watch.heard(now());
    if (!this.#delivery.isNew(message)) return;
    if (message.type === "audio_ack") {
      if (this.#settings.resume && this.#buffer.acknowledge(message.position)) {
        this.#redialling.advanced();
      }
      this.#pump();
    }
    if (message.type === "final" || message.type === "words") {
      this.#redialling.advanced();
      if (!this.finalized) this.#watch.awaits(false);
    }
    if (this.#isForTheProgram(message)) this.#events.message(message);
  }

  #isForTheProgram(message: ServerMessage): boolean {
    if (message.type === "audio_ack") return this.#settings.acks;
    return !(message.type === "error" && this.#passes(message));
  }

  #passes(error: ErrorMessage): boolean {
    return this.#settings.resume && PASSING_ERRORS.includes(error.code);
  }

  /** Hands over what may be sent now, and tells those who wait for room. */
  #pump(): void {
    clearTimeout(this.#polling);
    const connection = this.#connection;
    while (this.#up && connection !== null && this.#cut === null) {
      if (connection.bufferedAmount > MOST_BUFFERED) {
        this.#polling = setTimeout(() => this.#pump(), POLL_MS);
        break;
      }
      const message = this.#buffer.dequeue();
      if (message === null) break;
      connection.send(message);
      if (typeof message !== "string") this.#events.sent(this.#buffer.sentS);
      else if (!message.startsWith('{"type":"config"')) this.#watch.awaits(true);
      if (!this.#settings.resume) this.#buffer.forgetSent();
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Leaves a server that is silent though it owes something. */
  #look(): void {
    const buffered = this.#connection?.bufferedAmount ?? 0;
    if (buffered < this.#lastBuffered) this.#watch.heard(now());
    this.#lastBuffered = buffered;
    if (this.#watch.left(now(), this.#buffer.underWayS) !== 0) return;
    this.#connection?.leave();
    this.#closed(new CallscribeError("disconnected", "the server stopped answering"));
  }

  #closed(failure: CallscribeError | null): void {
    this.#up = false;
    clearInterval(this.#watching);
    clearTimeout(this.#polling);
    if (this.#over) return;
    if (failure === null) {
      const text = "the server has ended the call";
      const early = this.finalized ? null : new CallscribeError("disconnected", text);
      return this.#settle(this.#cut ?? early);
    }
    if (!this.#settings.resume || !isPassing(failure)) return this.#settle(failure);
    this.#events.broke();
    this.#redial(failure).catch((error: unknown) => this.#settle(asFailure(error, "protocol")));
    this.#wake();
  }

  async #redial(broken: CallscribeError): Promise<void> {
    let failure = broken;
    const lostAt = now();
    this.#redialling.lost(lostAt, failure.code === "going_away");
    for (;;) {
      const attempt = this.#redialling.nextAttempt(now(), Math.random());
      if (attempt === null) break;
      await this.#nap(attempt.waitS);
      if (this.#over) return;
      // An abandoned attempt may still be in progress: it must not win over a later one.
      this.#attempt = Math.max(this.#attempt + 1, Date.now());
      const token = { resume: this.#resumeToken, seq: this.#delivery.seq, attempt: this.#attempt };
      try {
        return await this.#dial(attempt.url, token, RESUME_TIMEOUT_S, lostAt);
      } catch (error) {
        if (this.#over) return;
        failure = asFailure(error, "disconnected");
        if (!isPassing(failure) && failure.code !== "wrong_address") throw failure;
        this.#redialling.failed(attempt.url, now(), askedToWait(failure));
      }
    }
    const stored = `${this.#buffer.acknowledgedS.toFixed(1)} s of its audio are with the server`;
    const results = `results up to ${this.#delivery.seq} were received`;
    const text = `the call could not be resumed: ${failure.message}; ${stored}, ${results}`;
    throw new CallscribeError("disconnected", text);
  }

  #nap(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #settle(failure: CallscribeError | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    this.#up = false;
    clearInterval(this.#watching);
    clearTimeout(this.#polling);
    this.#wakeUp();
    this.#wake();
    this.#events.over(failure);
  }

  #check(): void {
    this.#checkOver();
    if (this.finalized) throw new CallscribeError("misuse", "nothing can be sent after finish");
  }

  #checkOver(): void {
    if (this.#over) {
      throw this.#failure ?? new CallscribeError("disconnected", "the call is over");
    }
  }
}

/** Seconds of a clock that does not go back. */
export function now(): number {
  return performance.now() / 1000;
}

/**
 * Returns a failure to connect, with what a page can find out: browsers do not tell it whether a
 * server refused the call, or did not answer at all.
 */
async function explained(
  failure: CallscribeError,
  urls: readonly string[],
  token: string,
): Promise<CallscribeError> {
  if (failure.code !== "disconnected" || typeof document === "undefined") return failure;
  for (const url of urls) {
    const denied = await askWhyDenied(url, token);
    if (denied !== null) return denied;
    const { origin } = new URL(url.replace(/^ws/, "http"));
    const signal = AbortSignal.timeout(1000 * RESUME_TIMEOUT_S);
    // The answer of another origin cannot be read; that there is one says enough.
    const answers = await fetch(origin, { mode: "no-cors", signal }).then(
      () => true,
      () => false,
    );
    if (answers) {
      const text = `${origin} answers and does not take the call: it is full, wants a key, or is no call server`;
      return new CallscribeError("refused", text, RETRY_AFTER_S);
    }
  }
  return failure;
}

function askedToWait(failure: CallscribeError): number {
  // Redis or a missing stage may be back any time: the back-off finds it earlier.
  return failure.code === "unavailable" ? 0 : (failure.retryAfterS ?? 0);
}
