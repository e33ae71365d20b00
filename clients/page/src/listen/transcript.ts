import { Entries, ofCall, turnKey } from "./entries.js";
import type { Entry, Hit, Leg, Mark, OpenSpeech, Turn } from "./entries.js";
import type { ReaderMessage, ReaderSessionCreated } from "callscribe";

interface Session {
  readonly facts: ReaderSessionCreated;
  readonly legs: Leg[];
  ended: boolean;
}

type Told<K extends ReaderMessage["type"]> = Extract<ReaderMessage, { type: K }>;

type Happening =
  | Told<"gap">
  | Told<"dtmf">
  | Told<"line">
  | Told<"slot">
  | Told<"turn_overlap">;

interface Marked extends Pick<Mark, "kind" | "text"> {
  start: number;
  end: number;
}

/** What is marked of something that happened, in seconds of its call; null for nothing. */
function marked(told: Happening): Marked | null {
  switch (told.type) {
    case "gap":
      return { kind: "gap", text: "", start: told.start, end: told.end };
    case "dtmf":
      return { kind: "dtmf", text: told.digit, start: told.at, end: told.at };
    case "line":
      return { kind: "line", text: told.problem, start: told.at, end: told.at };
    case "slot": {
      if (!told.is_final || !told.value) return null;
      const text = `${told.question ?? told.expected} ${told.value}`;
      return { kind: "slot", text, start: told.end, end: told.end };
    }
    case "turn_overlap": {
      if (!told.interrupted) return null;
      const { other_channel, start, end } = told;
      return { kind: "interrupted", text: String(other_channel), start, end };
    }
  }
}

/**
 * What readers of calls have been told, as entries in the order of their beginnings.
 *
 * A message that comes again changes nothing, so a reader may take up the events at any place. An
 * entry is replaced and never changed: one that is the same object looks the same.
 */
export class Transcript {
  readonly #sessions = new Map<string, Session>();
  readonly #legs: Leg[] = [];
  readonly #entries = new Entries();
  readonly #speech = new Map<string, OpenSpeech>();
  /** Utterances that are no more than a listener's sign: it is told before their final. */
  readonly #listeners = new Set<string>();
  #began = 0;
  #reached = 0;

  /** All entries, by when they began. */
  get entries(): readonly Entry[] {
    return this.#entries.all;
  }

  get legs(): readonly Leg[] {
    return this.#legs;
  }

  /** When the first call began, in s since 1970; 0 before any is known. */
  get began(): number {
    return this.#began;
  }

  /** The latest moment of audio that any message speaks of, in s since the first call began. */
  get reached(): number {
    return this.#reached;
  }

  get openSpeech(): readonly OpenSpeech[] {
    return [...this.#speech.values()];
  }

  /** Takes a message; returns the turn that it completed while it was open here, else null. */
  apply(message: ReaderMessage): Turn | null {
    if (message.type === "session_created") {
      this.#begin(message);
      return null;
    }
    const session = this.#sessions.get(message.session_id);
    if (!session) return null;
    switch (message.type) {
      case "partial":
        this.#partial(session, message);
        return null;
      case "final":
        return this.#final(session, message);
      case "keyword":
        this.#keyword(session, message);
        return null;
      case "speaker_revision":
        this.#revised(session, message);
        return null;
      case "speech_started":
      case "speech_ended":
        this.#heard(session, message);
        return null;
      case "gap":
      case "dtmf":
      case "line":
      case "slot":
      case "turn_overlap":
        this.#mark(session, message);
        return null;
      case "turn_ended":
        if (message.backchannel) {
          const leg = this.#leg(session, message.channel);
          this.#listeners.add(turnKey(leg, message.utterance));
        }
        return null;
      case "error":
        this.#failed(session, message);
        return null;
      case "session_ended":
        this.#endCall(session);
        return null;
      default:
        return null;
    }
  }

  #begin(facts: ReaderSessionCreated): void {
    if (this.#sessions.has(facts.session_id)) return;
    const session: Session = { facts, legs: [], ended: false };
    this.#sessions.set(facts.session_id, session);
    const before = this.#began;
    this.#began = before ? Math.min(before, facts.started) : facts.started;
    if (before > this.#began) this.#shift(before - this.#began);
    for (let channel = 0; channel < facts.channels; channel += 1) this.#leg(session, channel);
    const at = this.#offset(session);
    this.#entries.put(ofCall("begun", facts.session_id, at));
  }

  #leg(session: Session, channel: number): Leg {
    const known = session.legs[channel];
    if (known) return known;
    const { session_id, channel_labels } = session.facts;
    const role = channel_labels?.[channel] ?? "";
    const leg = { session: session_id, channel, role, index: this.#legs.length };
    session.legs[channel] = leg;
    this.#legs.push(leg);
    return leg;
  }

  #offset(session: Session): number {
    return session.facts.started - this.#began;
  }

  #partial(session: Session, told: Told<"partial">): void {
    const leg = this.#leg(session, told.channel);
    const key = turnKey(leg, told.utterance);
    const known = this.#entries.turn(key);
    if (known?.final || !told.text) return;
    this.#entries.put(this.#said(session, leg, told, false, known));
    this.#reach(told.end + this.#offset(session));
  }

  #final(session: Session, told: Told<"final">): Turn | null {
    const leg = this.#leg(session, told.channel);
    const key = turnKey(leg, told.utterance);
    const known = this.#entries.turn(key);
    const wasOpen = this.#speech.has(key) || (known !== undefined && !known.final);
    // Finals of a leg come in the order of utterances: what is still open before was no speech.
    this.#dropOpen((open) => open.leg === leg && open.utterance <= told.utterance, key);
    this.#reach(told.end + this.#offset(session));
    if (!told.text) {
      if (known) this.#entries.remove(known);
      return null;
    }
    const turn = this.#said(session, leg, told, true, known);
    this.#entries.put(turn);
    return wasOpen ? turn : null;
  }

  #said(
    session: Session,
    leg: Leg,
    told: Told<"partial"> | Told<"final">,
    final: boolean,
    known?: Turn,
  ): Turn {
    const offset = this.#offset(session);
    return {
      kind: "turn",
      key: turnKey(leg, told.utterance),
      leg,
      utterance: told.utterance,
      at: told.start + offset,
      end: told.end + offset,
      text: told.text,
      speaker: told.type === "final" ? (told.speaker ?? null) : null,
      stable: told.type === "final" ? told.text.length : told.stable,
      final,
      hits: known?.hits ?? [],
      listens: final && this.#listeners.has(turnKey(leg, told.utterance)),
      hidden: told.type === "final" ? (told.redacted?.length ?? 0) : 0,
    };
  }

  #revised(session: Session, told: Told<"speaker_revision">): void {
    const leg = this.#leg(session, told.channel);
    for (const { utterance, speaker } of told.utterances) {
      const turn = this.#entries.turn(turnKey(leg, utterance));
      if (turn && turn.speaker !== speaker) this.#entries.put({ ...turn, speaker });
    }
  }

  #keyword(session: Session, told: Told<"keyword">): void {
    const leg = this.#leg(session, told.channel);
    const turn = this.#entries.turn(turnKey(leg, told.utterance));
    if (!turn) return;
    const same = (hit: Hit): boolean => hit.keyword === told.keyword && hit.offset === told.offset;
    if (turn.hits.some(same)) return;
    const { keyword, text, offset } = told;
    this.#entries.put({ ...turn, hits: [...turn.hits, { keyword, text, offset }] });
  }

  #heard(session: Session, told: Told<"speech_started"> | Told<"speech_ended">): void {
    const leg = this.#leg(session, told.channel);
    const key = turnKey(leg, told.utterance);
    const offset = this.#offset(session);
    const ended = told.type === "speech_ended";
    if (!this.#entries.turn(key)?.final) {
      const end = (ended ? told.end : told.at) + offset;
      this.#speech.set(key, {
        leg,
        utterance: told.utterance,
        at: told.start + offset,
        end,
        ended,
      });
    }
    this.#reach(told.at + offset);
  }

  #mark(session: Session, told: Happening): void {
    const what = marked(told);
    if (!what) return;
    const leg = this.#leg(session, told.channel);
    const offset = this.#offset(session);
    const { kind, start, end, text } = what;
    // What is heard of an answer is told once more with each of its utterances: the last one counts.
    const name = told.type === "slot" ? told.slot : `${start} ${text}`;
    const key = `${leg.session} ${leg.channel} ${kind} ${name}`;
    const place = { session: leg.session, leg, at: start + offset, end: end + offset };
    this.#entries.put({ kind, key, text, ...place });
    this.#reach(end + offset);
  }

  #failed(session: Session, told: Told<"error">): void {
    const { session_id } = session.facts;
    const mark = ofCall("failed", session_id, this.#reached, told.message);
    if (!this.#entries.get(mark.key)) this.#entries.put(mark);
  }

  #endCall(session: Session): void {
    if (session.ended) return;
    session.ended = true;
    const { session_id } = session.facts;
    this.#dropOpen((open) => open.leg.session === session_id);
    const own = (entry: Entry): boolean =>
      (entry.kind === "turn" ? entry.leg.session : entry.session) === session_id;
    const at = this.#entries.all.reduce(
      (last, each) => (own(each) ? Math.max(last, each.end) : last),
      this.#offset(session),
    );
    this.#entries.put(ofCall("ended", session_id, at));
  }

  #dropOpen(which: (open: Turn | OpenSpeech) => boolean, except = ""): void {
    for (const [key, open] of this.#speech) {
      if (which(open)) this.#speech.delete(key);
    }
    const dropped = this.#entries.all.filter(
      (each) => each.kind === "turn" && !each.final && each.key !== except && which(each),
    );
    for (const turn of dropped) this.#entries.remove(turn);
  }

  #reach(at: number): void {
    this.#reached = Math.max(this.#reached, at);
  }

  /** A call that began earlier than all others has joined: the others are that much later. */
  #shift(by: number): void {
    this.#reached += by;
    this.#entries.shift(by);
    for (const [key, open] of this.#speech) {
      this.#speech.set(key, { ...open, at: open.at + by, end: open.end + by });
    }
  }
}
