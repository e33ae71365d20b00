import { after, type CallMove, type CallState, isOver } from "./call-state.js";
import type { Traffic } from "./dialling.js";
import { Emitter } from "./emitter.js";
import { asFailure, CallscribeError } from "./errors.js";
import { Inbox } from "./inbox.js";
import { type Latency, Latencies } from "./latency.js";
import { Line, type LineSettings, now } from "./line.js";
import type {
  AudioAckMessage,
  AudioFormat,
  ChangeableOptions,
  DtmfMessage,
  ErrorMessage,
  FinalMessage,
  GapMessage,
  KeywordMessage,
  LagMessage,
  LineTroubleMessage,
  PartialMessage,
  ServerMessage,
  SessionCreated,
  SlotMessage,
  SpeakerRevisionMessage,
  SpeechEndedMessage,
  SpeechStartedMessage,
  TurnEagerEndMessage,
  TurnEndedMessage,
  TurnOverlapMessage,
  TurnResumedMessage,
  TurnStartedMessage,
  WordsMessage,
} from "./messages.js";
import { WARNING_CODES } from "./messages.js";
import { encoded, frameBytes, interleavedPcm16 } from "./pcm.js";
import type { AudioSink, AudioSource } from "./sources/source.js";

/** The connection broke and the call goes on. */
export interface Resumed {
  /** Seconds without a connection. */
  readonly afterS: number;
  /** Seconds of audio that the server had; what follows was sent again. */
  readonly position: number;
}

/** What a source delivered. */
export interface AudioDelivered {
  /** Frames before it. */
  readonly position: number;
  readonly sampleRate: number;
  /** Samples of -1..1, one array for each channel. */
  readonly channels: readonly Float32Array[];
}

/** What iterating a call yields. */
export type CallEvent = ServerMessage | ({ readonly type: "resumed" } & Resumed);

/** What `Call.on` listens to. */
export interface CallEvents {
  state: (state: CallState, previous: CallState) => void;
  created: (message: SessionCreated) => void;
  partial: (message: PartialMessage) => void;
  final: (message: FinalMessage) => void;
  words: (message: WordsMessage) => void;
  /** With `diarize`: earlier finals have other speakers. */
  speaker_revision: (message: SpeakerRevisionMessage) => void;
  speech_started: (message: SpeechStartedMessage) => void;
  speech_ended: (message: SpeechEndedMessage) => void;
  turn_started: (message: TurnStartedMessage) => void;
  turn_eager_end: (message: TurnEagerEndMessage) => void;
  turn_resumed: (message: TurnResumedMessage) => void;
  turn_ended: (message: TurnEndedMessage) => void;
  turn_overlap: (message: TurnOverlapMessage) => void;
  slot: (message: SlotMessage) => void;
  gap: (message: GapMessage) => void;
  dtmf: (message: DtmfMessage) => void;
  line: (message: LineTroubleMessage) => void;
  keyword: (message: KeywordMessage) => void;
  lag: (message: LagMessage) => void;
  /** Only where `events` asks for it. */
  audio_ack: (message: AudioAckMessage) => void;
  /** An error after which the call goes on. */
  warning: (message: ErrorMessage) => void;
  resumed: (event: Resumed) => void;
  latency: (event: Latency) => void;
  audio: (event: AudioDelivered) => void;
  /** The system has muted or unmuted the source. */
  muted: (muted: boolean) => void;
  /** Every WebSocket message, for debugging. */
  message: (event: Traffic) => void;
}

/** One call; made by `connect`. */
export interface Call extends AsyncIterable<CallEvent> {
  readonly state: CallState;
  /** The call's name in the servers' logs; "" until it was created. */
  readonly sessionId: string;
  /** The secret with which another connection can take the call over; "" until it was created. */
  readonly resumeToken: string;
  /** Why the call is `failed`; else null. */
  readonly failure: CallscribeError | null;
  /** Known once the source has started. */
  readonly format: AudioFormat | null;
  /** Adds a listener; returns what removes it, as an aborted `signal` does. */
  on<K extends keyof CallEvents>(
    name: K,
    listener: CallEvents[K],
    options?: { signal?: AbortSignal },
  ): () => void;
  /**
   * Sends interleaved audio of a call without a source: bytes of the call's encoding, or samples.
   * It may be split anywhere. Resolves when there is room for more; rejects when the call is over.
   */
  send(audio: Uint8Array | Int16Array | Float32Array): Promise<void>;
  /** Has the open utterances ended and answered by a final; throws when nothing can be sent. */
  flush(): void;
  /** Changes options for all audio from now on; throws when nothing can be sent. */
  configure(changes: ChangeableOptions): void;
  /**
   * Stops the source and has the last utterances answered. Resolves after the last event; rejects
   * with the failure. Calling it again returns the same.
   */
  finish(): Promise<void>;
  /** Ends the call immediately, on the server too; results that are under way are lost. */
  leave(): void;
  /** Yields the server's messages from now on; throws the failure behind them. */
  [Symbol.asyncIterator](): AsyncIterableIterator<CallEvent>;
}

/** What `connect` has made of its settings. */
export interface CallPlan {
  readonly source: AudioSource | null;
  /** Without what a source decides. */
  readonly format: AudioFormat;
  readonly line: Omit<LineSettings, "frameBytes" | "rate">;
}

/** The implementation of `Call`. */
export class RunningCall implements Call {
  sessionId = "";
  resumeToken = "";
  failure: CallscribeError | null = null;
  format: AudioFormat | null = null;
  #state: CallState;
  readonly #plan: CallPlan;
  readonly #emitter = new Emitter<CallEvents>();
  readonly #inboxes = new Set<Inbox<CallEvent>>();
  readonly #latencies = new Latencies();
  readonly #abort = new AbortController();
  readonly #over: Promise<void>;
  #settleOver: (failure: CallscribeError | null) => void = () => undefined;
  #line: Line | null = null;
  /** Why the source ended. */
  #lost: CallscribeError | null = null;
  #frames = 0;
  #ending = false;

  constructor(plan: CallPlan) {
    this.#plan = plan;
    this.#state = plan.source === null ? "connecting" : "starting";
    this.#over = new Promise((resolve, reject) => {
      this.#settleOver = (failure) => (failure === null ? resolve() : reject(failure));
    });
    // The failure is told by the state, too: nobody has to wait for `finish`.
    this.#over.catch(() => undefined);
    if (plan.source === null) this.#attach(plan.format);
    queueMicrotask(() => void this.#begin());
  }

  get state(): CallState {
    return this.#state;
  }

  on<K extends keyof CallEvents>(
    name: K,
    listener: CallEvents[K],
    options?: { signal?: AbortSignal },
  ): () => void {
    return this.#emitter.on(name, listener as never, options);
  }

  send(audio: Uint8Array | Int16Array | Float32Array): Promise<void> {
    const sent = this.#send(audio);
    // Who does not wait learns of the failure from the state.
    sent.catch(() => undefined);
    return sent;
  }

  flush(): void {
    this.#sendable().control({ type: "flush" });
  }

  configure(changes: ChangeableOptions): void {
    this.#sendable().control({ type: "config", ...changes });
  }

  finish(): Promise<void> {
    if (!this.#ending && !isOver(this.#state)) {
      this.#ending = true;
      void this.#finish();
    }
    return this.#over;
  }

  leave(): void {
    if (this.#line === null) this.#end(null);
    else this.#line.end(null);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<CallEvent> {
    const inbox = new Inbox<CallEvent>((each) => this.#inboxes.delete(each));
    if (isOver(this.#state)) inbox.end(this.failure);
    else this.#inboxes.add(inbox);
    return inbox;
  }

  async #begin(): Promise<void> {
    const { source } = this.#plan;
    if (isOver(this.#state)) return;
    if (source !== null) {
      try {
        const { sampleRate, channels } = await source.start(this.#sink(), this.#abort.signal);
        if (isOver(this.#state)) return void source.stop();
        this.#attach({ encoding: "pcm16", sample_rate: sampleRate, channels });
      } catch (error) {
        return this.#end(asFailure(error, "audio_unavailable"));
      }
      this.#move("started");
    }
    this.#listenToNetwork();
    await this.#line?.open();
  }

  #attach(format: AudioFormat): void {
    this.format = format;
    const { line } = this.#plan;
    const rate = format.sample_rate;
    const config = { ...format, ...line.config };
    this.#line = new Line(
      { ...line, config, rate, frameBytes: frameBytes(format) },
      {
        created: (created) => this.#created(created),
        message: (message) => this.#message(message),
        broke: () => this.#move("broke"),
        resumed: (afterS, position) => {
          this.#move("resumed");
          this.#emitter.emit("resumed", { afterS, position });
          this.#tell({ type: "resumed", afterS, position });
        },
        sent: (end) => this.#latencies.sending.sent(end, now()),
        traffic: (traffic) => this.#emitter.emit("message", traffic),
        over: (failure) => this.#end(failure ?? this.#lost),
      },
    );
  }

  #listenToNetwork(): void {
    if (typeof globalThis.addEventListener !== "function") return;
    const { signal } = this.#abort;
    for (const name of ["online", "offline"]) {
      const changed = (): void => this.#line?.networkChanged(name === "online");
      globalThis.addEventListener(name, changed, { signal });
    }
  }

  #sink(): AudioSink {
    return {
      data: (channels) => this.#deliver(channels),
      ended: () => void this.finish(),
      failed: (error) => {
        if (this.#line === null) return this.#end(error);
        // What was said before is still recognised.
        this.#lost ??= error;
        void this.finish();
      },
      muted: (muted) => this.#emitter.emit("muted", muted),
    };
  }

  #deliver(channels: readonly Float32Array[]): Promise<void> | void {
    if (this.#line === null || this.format === null || isOver(this.#state)) return;
    const position = this.#frames;
    this.#frames += channels[0]?.length ?? 0;
    const { sample_rate: sampleRate } = this.format;
    if (this.#emitter.has("audio")) this.#emitter.emit("audio", { position, sampleRate, channels });
    const sent = this.#line.send(interleavedPcm16(channels));
    // The call is over then, and says why; a microphone does not wait.
    return sent.catch(() => undefined);
  }

  async #send(audio: Uint8Array | Int16Array | Float32Array): Promise<void> {
    if (this.#plan.source !== null) throw misuse("the source of the call sends");
    await this.#sendable().send(encoded(audio, this.#plan.format.encoding));
  }

  async #finish(): Promise<void> {
    if (this.#line === null) return this.leave();
    await this.#plan.source?.stop();
    if (isOver(this.#state)) return;
    this.#line.finalize();
    this.#move("finish");
  }

  #sendable(): Line {
    if (this.failure !== null) throw this.failure;
    if (this.#ending) throw misuse("nothing can be sent after finish");
    if (this.#line === null) throw misuse("the call's source has not started yet");
    return this.#line;
  }

  #created(created: SessionCreated): void {
    this.sessionId = created.session_id;
    this.resumeToken = created.resume_token;
    this.#move("created");
    this.#emitter.emit("created", created);
    this.#tell(created);
  }

  #message(message: ServerMessage): void {
    if (message.type === "session_created") return;
    if (message.type === "error") {
      // Another one is why the server closes the connection next.
      if (!goesOn(message)) return;
      this.#emitter.emit("warning", message);
    } else {
      this.#emitter.emit(message.type, message as never);
    }
    this.#tell(message);
    for (const latency of this.#latencies.note(message, now())) {
      this.#emitter.emit("latency", latency);
    }
  }

  #tell(event: CallEvent): void {
    const replaceable = ["partial", "lag", "audio_ack"].includes(event.type);
    for (const inbox of this.#inboxes) inbox.add(event, replaceable);
  }

  #move(move: CallMove): void {
    const previous = this.#state;
    this.#state = after(previous, move);
    if (this.#state !== previous) this.#emitter.emit("state", this.#state, previous);
  }

  #end(failure: CallscribeError | null): void {
    if (isOver(this.#state)) return;
    this.failure = failure;
    this.#abort.abort();
    void this.#plan.source?.stop();
    for (const inbox of this.#inboxes) inbox.end(failure);
    this.#move(failure === null ? "over" : "failure");
    this.#settleOver(failure);
  }
}

function misuse(text: string): CallscribeError {
  return new CallscribeError("misuse", text);
}

function goesOn(error: ErrorMessage): boolean {
  return (WARNING_CODES as readonly string[]).includes(error.code);
}
