import type {
  AudioSource, Call, CallscribeError, CallState, ChangeableOptions, connect, ErrorMessage,
} from "callscribe";

import { callSettings } from "../access/access.js";
import { callToken } from "../access/asking.js";
import { callInProgress } from "../call_in_progress.js";
import { type Observable, observable } from "../observable.js";
import { type Latencies, LatencyRecord } from "./latencies.js";
import { refusalText, refusedBy } from "./problems.js";
import {
  callOptions, changeOf, type ChangeableName, isChangeable, type SettingName, type Settings,
} from "./settings.js";
import { Sound } from "./sound.js";
import { EMPTY, heard, type Transcript } from "./transcript.js";

/** Where the gateway takes calls, beside the page. */
const PATH = "ws/asr";

/** The server's reasons, by the option whose change it refused. */
export type Refusals = Readonly<Partial<Record<SettingName, string>>>;

/** What the view shows of the newest call. */
export interface Shown {
  state: CallState | "idle";
  /** When the state began, ms since 1970. */
  since: number;
  sessionId: string;
  /** What the next call is opened with, or the running one has. */
  settings: Settings;
  /** The call was opened with noise removal, which can therefore be switched. */
  denoiser: boolean;
  transcript: Transcript;
  earlier: readonly Transcript[];
  latencies: Latencies;
  /** Seconds of audio that recognition is behind, by channel; 0 while it keeps up. */
  lags: readonly number[];
  failure: CallscribeError | null;
  warnings: readonly ErrorMessage[];
  /** Why the server refused a change, by option. */
  refused: Refusals;
  muted: boolean;
}

const BEFORE: Omit<Shown, "settings"> = {
  state: "idle", since: 0, sessionId: "", denoiser: false, transcript: EMPTY,
  earlier: [], latencies: {}, lags: [0, 0], failure: null, warnings: [], refused: {},
  muted: false,
};
const MOST_WARNINGS = 5;
const MOST_EARLIER = 5;
/** Recognition counts as behind from here on, s of audio: docs/protocol.md, `lag`. */
const BEHIND_S = 2;

/** One call after the other, as the view needs them. */
export class Speaking {
  readonly shown: Observable<Shown>;
  sound = new Sound(1);
  #call: Call | null = null;
  #latencies = new LatencyRecord();
  readonly #connect: typeof connect;
  readonly #now: () => number;
  /** What each option was before its newest change: a refusal gives that back. */
  #before = new Map<ChangeableName, Partial<Settings>>();
  /** Changes that wait for the source to start. */
  #held: ChangeableOptions[] = [];

  constructor(dial: typeof connect, settings: Settings, now: () => number = Date.now) {
    this.shown = observable({ ...BEFORE, settings });
    this.#connect = dial;
    this.#now = now;
  }

  /** Starts a call; one that still runs is left. */
  start(source: AudioSource): void {
    this.#call?.leave();
    const { settings, transcript, earlier } = this.shown.value;
    const { items, open } = transcript;
    const kept = items.length || open.length ? [...earlier, transcript] : earlier;
    this.sound = new Sound(settings.channels);
    this.#latencies = new LatencyRecord();
    this.#before.clear();
    this.#held = [];
    this.shown.set({
      ...BEFORE, settings, since: this.#now(), state: "starting",
      denoiser: settings.denoise ?? false, earlier: kept.slice(-MOST_EARLIER),
    });
    const token = callSettings(callToken);
    const call = this.#connect(PATH, { ...callOptions(settings), source, ...token });
    this.#call = call;
    this.#follow(call);
    callInProgress.set(call);
  }

  /** Ends the recording; the last words still come. */
  finish(): void {
    this.#call?.finish().catch(() => undefined); // the state tells of a failure
  }

  /** Ends the call without its last words. */
  leave(): void {
    this.#call?.leave();
  }

  flush(): void {
    this.#call?.flush();
  }

  /** Removes the text that is shown, but for utterances that are still open. */
  clear(): void {
    const { transcript, state } = this.shown.value;
    const open = isOver(state) ? [] : transcript.open;
    this.#show({ transcript: { ...transcript, items: [], open }, earlier: [] });
  }

  dismiss(warning: ErrorMessage): void {
    const { warnings } = this.shown.value;
    this.#show({ warnings: warnings.filter((each) => each !== warning) });
  }

  /** Changes a setting; in a running call the server is told, and may refuse. */
  change<K extends SettingName>(name: K, value: Settings[K]): void {
    const { settings: before, refused, state } = this.shown.value;
    const settings = { ...before, [name]: value };
    if (!isRunning(state)) return this.#show({ settings, refused: {} });
    const change = isChangeable(name) ? changeOf(settings, name) : null;
    if (!isChangeable(name) || !change) return; // the form has disabled it
    this.#before.set(name, { [name]: before[name] });
    const { [name]: _, ...others } = refused;
    this.#show({ settings, refused: others });
    // A source that asks for permission has no connection yet that could carry it.
    if (state === "starting") this.#held.push(change);
    else this.#call?.configure(change);
  }

  /** Seconds of audio that the server has not stored yet. */
  get waitingS(): number {
    return this.sound.waitingS;
  }

  #follow(call: Call): void {
    const sound = this.sound;
    const mine = (): boolean => call === this.#call;
    call.on("state", (state) => mine() && this.#entered(state, call));
    call.on("created", ({ session_id }) => mine() && this.#show({ sessionId: session_id }));
    call.on("audio", (audio) => sound.heard(audio));
    call.on("audio_ack", ({ position }) => sound.stored(position));
    call.on("muted", (muted) => mine() && this.#show({ muted }));
    call.on("warning", (warning) => mine() && this.#warned(warning));
    call.on("lag", ({ channel, seconds }) => mine() && this.#lagged(channel, seconds));
    call.on("latency", ({ measure, seconds }) => {
      if (!mine()) return;
      this.#latencies.add(measure, seconds);
      this.#show({ latencies: this.#latencies.latencies });
    });
    call.on("speech_started", (event) => sound.spoken(event));
    call.on("speech_ended", (event) => sound.spoken(event));
    const text = (event: Parameters<typeof heard>[1]): void => {
      if (mine()) this.#show({ transcript: heard(this.shown.value.transcript, event) });
    };
    call.on("partial", text);
    call.on("final", text);
    call.on("words", text);
    call.on("keyword", text);
    call.on("gap", text);
    call.on("dtmf", text);
    call.on("line", text);
    call.on("turn_ended", text);
    call.on("turn_overlap", text);
  }

  #entered(state: CallState, call: Call): void {
    const over = isOver(state);
    this.#show({
      state,
      since: this.#now(),
      failure: call.failure,
      muted: !over && this.shown.value.muted,
      lags: over ? BEFORE.lags : this.shown.value.lags,
    });
    if (state === "connecting") for (const change of this.#held.splice(0)) call.configure(change);
  }

  #warned(warning: ErrorMessage): void {
    const names = refusedBy(warning);
    const { settings, refused, warnings } = this.shown.value;
    if (!names?.length) {
      const lost = warning.code === "denoise_unavailable";
      this.#show({
        ...(lost && { denoiser: false, settings: { ...settings, denoise: false } }),
        warnings: [...warnings, warning].slice(-MOST_WARNINGS),
      });
      return;
    }
    const before = names.map((name) => this.#before.get(name) ?? {});
    const why = Object.fromEntries(names.map((name) => [name, refusalText(warning)]));
    this.#show({
      settings: Object.assign({ ...settings }, ...before) as Settings,
      refused: { ...refused, ...why },
    });
  }

  #lagged(channel: number, seconds: number): void {
    const lags = [...this.shown.value.lags];
    lags[channel] = seconds >= BEHIND_S ? seconds : 0;
    this.#show({ lags });
  }

  #show(change: Partial<Shown>): void {
    this.shown.set({ ...this.shown.value, ...change });
  }
}

/** Whether a call in this state still takes sound and changes. */
export function isRunning(state: Shown["state"]): boolean {
  return state === "starting" || state === "connecting" || state === "open" || state === "resuming";
}

export function isOver(state: Shown["state"]): boolean {
  return state === "finished" || state === "failed";
}
