import { CallscribeError } from "./errors.js";

/** Bytes of audio in one message at most; servers accept at least 1 MiB. */
export const LONGEST_MESSAGE = 65_536;
/**
 * Seconds of audio sent without an acknowledgement, at most. Behind more, a server that stops
 * reading for a while would look like one that is gone. Must exceed the 3 s by which servers
 * acknowledge late.
 */
export const IN_FLIGHT_S = 10;
/** A control that changes nothing. */
export const NOTHING = '{"type":"config"}';

interface Control {
  readonly number: number;
  /** Bytes of audio before it. */
  readonly at: number;
  readonly text: string;
}

interface Piece {
  /** Bytes of audio before it. */
  readonly at: number;
  readonly data: Uint8Array;
}

/**
 * The latest audio of a call, with its controls in place, which may have to be sent again; pure.
 *
 * Bytes are counted from the beginning of the call. A cursor moves over audio and controls as they
 * are sent; after a broken connection it moves back to the server's position. Acknowledged audio is
 * dropped.
 *
 * Both sides number the controls. A server counts those that it refused, but reports only the last
 * one that took effect. Those behind it are sent again to be refused again; in place of one that is
 * no longer kept, `NOTHING` is sent.
 */
export class ReplayBuffer {
  readonly #frameBytes: number;
  readonly #rate: number;
  readonly #capacity: number;
  readonly #window: number;
  #pieces: Piece[] = [];
  /** Bytes before the first one that may be sent again; always whole frames. */
  #start = 0;
  #end = 0;
  /**
   * Bytes that the server has: acknowledged, or reported at a resume. It may acknowledge the latter
   * only with new audio, which must not wait for that.
   */
  #arrived = 0;
  #controls: Control[] = [];
  #numbered = 0;
  #sent = 0;
  #sentControls = 0;

  /**
   * @param frameBytes of one sample of every channel
   * @param rate frames a second
   * @param capacityS seconds of audio from which on the buffer is `full`; it still accepts more
   */
  constructor(frameBytes: number, rate: number, capacityS: number) {
    this.#frameBytes = frameBytes;
    this.#rate = rate;
    this.#capacity = Math.round(capacityS * rate) * frameBytes;
    this.#window = Math.round(IN_FLIGHT_S * rate) * frameBytes;
  }

  /** Whether more than the capacity is kept that the server may lack. */
  get full(): boolean {
    return this.#end - this.#arrived > this.#capacity;
  }

  /** Whether it is full by so much that the sender cannot have waited. */
  get overrun(): boolean {
    return this.#end - this.#arrived > this.#capacity + this.#window;
  }

  /** Whether something waits to be sent. */
  get pending(): boolean {
    return this.#sent < this.#end || this.#sentControls < this.#numbered;
  }

  /** Whether there is something to `dequeue` now. */
  get ready(): boolean {
    const control = this.#nextControl();
    return this.#audioUntil(control) > this.#sent || this.#isDue(control);
  }

  /** Seconds of audio that were sent and that the server has not confirmed. */
  get underWayS(): number {
    return (this.#sent - this.#arrived) / this.#frameBytes / this.#rate;
  }

  /** Seconds of audio that need not be kept any more. */
  get acknowledgedS(): number {
    return this.#start / this.#frameBytes / this.#rate;
  }

  /** Seconds of audio that were sent, on this connection or before. */
  get sentS(): number {
    return this.#sent / this.#frameBytes / this.#rate;
  }

  /** The number of the newest control; they are numbered from 1. */
  get controls(): number {
    return this.#numbered;
  }

  /** Appends audio, split anywhere, even inside a sample; `data` must not change afterwards. */
  addAudio(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#pieces.push({ at: this.#end, data });
    this.#end += data.length;
  }

  /** Appends a control behind the audio added so far. */
  addControl(text: string): void {
    this.#numbered += 1;
    this.#controls.push({ number: this.#numbered, at: this.#end, text });
  }

  /** Returns the next message, audio or a control's text; null when an ack must come first. */
  dequeue(): Uint8Array | string | null {
    const control = this.#nextControl();
    if (control !== undefined && this.#isDue(control)) {
      this.#sentControls = control.number;
      return control.text;
    }
    const end = Math.min(this.#audioUntil(control), this.#sent + LONGEST_MESSAGE);
    if (end <= this.#sent) return null;
    const message = this.#slice(this.#sent, end);
    this.#sent = end;
    return message;
  }

  /**
   * Drops audio before frame `position`; returns whether there was any. A control is dropped once
   * audio behind it was acknowledged: the server handles both in order. Throws `protocol` for a
   * position that was never sent.
   */
  acknowledge(position: number): boolean {
    const start = position * this.#frameBytes;
    if (start > this.#sent) {
      const text = `the server acknowledges frame ${position}, which was not sent`;
      throw new CallscribeError("protocol", text);
    }
    if (start <= this.#start) return false;
    this.#dropBefore(start);
    this.#arrived = Math.max(this.#arrived, start);
    const first = this.#controls.findIndex((control) => control.at >= start);
    this.#controls.splice(0, first < 0 ? this.#controls.length : first);
    return true;
  }

  /** Keeps only unsent audio and controls, for a call that will not be resumed. */
  forgetSent(): void {
    this.#dropBefore(this.#sent);
    this.#arrived = this.#sent;
    const first = this.#controls.findIndex((control) => control.number > this.#sentControls);
    this.#controls.splice(0, first < 0 ? this.#controls.length : first);
  }

  /**
   * Sends again from frame `position` on, and the controls numbered above `controls`. Throws
   * `session_lost` when that audio is no longer kept, `protocol` when the server claims more than
   * was sent.
   */
  rewind(position: number, controls: number): void {
    const sent = position * this.#frameBytes;
    if (sent > this.#end || controls > this.#numbered) {
      const text = `the server claims frame ${position} and control ${controls}, not sent`;
      throw new CallscribeError("protocol", text);
    }
    if (sent < this.#start) {
      const has = (position / this.#rate).toFixed(3);
      const kept = this.acknowledgedS.toFixed(3);
      const text = `the server has ${has} s of the call's audio; kept is what follows ${kept} s`;
      throw new CallscribeError("session_lost", text);
    }
    this.#sent = this.#arrived = sent;
    this.#sentControls = controls;
  }

  #isDue(control: Control | undefined): boolean {
    return control !== undefined && control.at <= this.#sent;
  }

  #nextControl(): Control | undefined {
    // Those kept are consecutive and end with the newest.
    const behind = this.#numbered - this.#sentControls;
    if (behind > this.#controls.length) {
      // Dropped, so it was before audio that the server has; without effect, so it was refused.
      return { number: this.#sentControls + 1, at: this.#start, text: NOTHING };
    }
    return behind > 0 ? this.#controls[this.#controls.length - behind] : undefined;
  }

  /** Returns the end of the audio that may be sent before the next control. */
  #audioUntil(control: Control | undefined): number {
    return Math.min(control?.at ?? this.#end, this.#arrived + this.#window);
  }

  #dropBefore(start: number): void {
    this.#start = start;
    const first = this.#pieces.findIndex((piece) => piece.at + piece.data.length > start);
    this.#pieces.splice(0, first < 0 ? this.#pieces.length : first);
  }

  #slice(begin: number, end: number): Uint8Array {
    let index = this.#indexOf(begin);
    const first = this.#pieces[index];
    if (first !== undefined && end <= first.at + first.data.length) {
      return first.data.subarray(begin - first.at, end - first.at);
    }
    const joined = new Uint8Array(end - begin);
    for (let at = begin; at < end; index += 1) {
      const piece = this.#pieces[index];
      if (piece === undefined) throw new Error("the replay buffer has a hole");
      const part = piece.data.subarray(at - piece.at, end - piece.at);
      joined.set(part, at - begin);
      at += part.length;
    }
    return joined;
  }

  /** Returns the index of the piece that holds a byte. */
  #indexOf(byte: number): number {
    let [low, high] = [0, this.#pieces.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#pieces[middle] as Piece).at <= byte) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
