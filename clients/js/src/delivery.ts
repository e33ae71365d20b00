import type { ServerMessage } from "./messages.js";

/**
 * Passes each message of one call once; pure.
 *
 * After a resume the server sends finals and words behind the last `seq` seen, and may repeat other
 * messages. It promises rising `seq`, and per channel rising utterance numbers of each kind.
 */
export class Delivery {
  /** That of the newest final or words passed. */
  seq: number;
  /** The newest utterance, by type of message and channel. */
  readonly #utterances = new Map<string, number>();
  /** The newest turn of each channel, and the step of its newest event. */
  readonly #turns = new Map<number, readonly [number, number]>();
  /** Gaps, keywords of open utterances, digits, overlaps and utterances that failed; few. */
  readonly #delivered = new Set<string>();

  constructor(seq = 0) {
    this.seq = seq;
  }

  /** Returns whether a message is new, and remembers it. */
  isNew(message: ServerMessage): boolean {
    switch (message.type) {
      case "partial":
        return message.utterance > this.#newest("final", message.channel);
      case "final":
      case "words": {
        const isNew = message.seq > this.seq;
        this.seq = Math.max(this.seq, message.seq);
        if (isNew && message.type === "final") this.#final(message.channel, message.utterance);
        return isNew;
      }
      case "speech_started":
      case "speech_ended":
        return this.#rises(message.type, message.channel, message.utterance);
      case "turn_started":
      case "turn_eager_end":
      case "turn_resumed":
      case "turn_ended": {
        const [turn, step] = this.#turns.get(message.channel) ?? [0, 0];
        const isNew = message.turn > turn || (message.turn === turn && message.step > step);
        if (isNew) this.#turns.set(message.channel, [message.turn, message.step]);
        return isNew;
      }
      case "turn_overlap":
        return this.#firstTime(
          `overlap ${message.channel} ${message.turn} ${message.other_turn}`,
        );
      case "slot": {
        const { channel, utterance, is_final, value } = message;
        return this.#firstTime(`slot ${channel} ${utterance} ${is_final} ${value}`);
      }
      case "gap":
        return this.#firstTime(`gap ${message.channel} ${message.start} ${message.end}`);
      case "keyword": {
        const { channel, utterance, keyword, offset } = message;
        return this.#firstTime(`keyword ${channel} ${utterance} ${offset} ${keyword}`);
      }
      case "dtmf":
        return this.#firstTime(`dtmf ${message.channel} ${message.at} ${message.digit}`);
      case "speaker_revision":
        return this.#firstTime(`speakers ${message.channel} ${message.revision}`);
      case "line":
        return this.#firstTime(`line ${message.channel} ${message.at} ${message.problem}`);
      case "error":
        return message.code !== "utterance_failed" || this.#firstTime(`failed ${message.message}`);
      default:
        return true;
    }
  }

  #final(channel: number, utterance: number): void {
    this.#rises("final", channel, utterance);
    // Keywords of earlier utterances are not repeated.
    for (const told of this.#delivered) {
      const [kind, where, number] = told.split(" ");
      if (kind === "keyword" && Number(where) === channel && Number(number) < utterance) {
        this.#delivered.delete(told);
      }
    }
  }

  #newest(type: string, channel: number): number {
    return this.#utterances.get(`${type} ${channel}`) ?? 0;
  }

  #rises(type: string, channel: number, utterance: number): boolean {
    const newest = this.#newest(type, channel);
    this.#utterances.set(`${type} ${channel}`, Math.max(newest, utterance));
    return utterance > newest;
  }

  #firstTime(told: string): boolean {
    const known = this.#delivered.has(told);
    this.#delivered.add(told);
    return !known;
  }
}
