import { expect, test } from "vitest";

import { LONGEST_MESSAGE, NOTHING, ReplayBuffer } from "../src/replay-buffer.js";
import { dice } from "./dice.js";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

function buffer(frameBytes = 2, rate = 10, capacityS = 1): ReplayBuffer {
  return new ReplayBuffer(frameBytes, rate, capacityS);
}

/** Audio as text in brackets, controls as they are. */
function taken(ring: ReplayBuffer): string[] {
  const found: string[] = [];
  for (let message = ring.dequeue(); message !== null; message = ring.dequeue()) {
    found.push(
      typeof message === "string" ? message : `[${Buffer.from(message).toString("latin1")}]`,
    );
  }
  return found;
}

test("audio and controls go out in their order", () => {
  const ring = buffer();
  ring.addAudio(bytes("ab"));
  ring.addControl("flush");
  ring.addControl("config");
  ring.addAudio(bytes("c"));
  ring.addAudio(bytes("d"));
  expect(ring.pending).toBe(true);
  expect(taken(ring)).toEqual(["[ab]", "flush", "config", "[cd]"]);
  expect(ring.pending).toBe(false);
});

test("a rewind sends again exactly what the server lacks", () => {
  const ring = buffer();
  ring.addAudio(bytes("abcd"));
  ring.addControl("flush");
  ring.addAudio(bytes("efg"));
  ring.addControl("config");
  taken(ring);
  ring.rewind(1, 1);
  expect(taken(ring)).toEqual(["[cdefg]", "config"]);
  ring.rewind(1, 0);
  expect(taken(ring)).toEqual(["[cd]", "flush", "[efg]", "config"]);
  ring.rewind(3, 2);
  expect(taken(ring)).toEqual(["[g]"]);
});

test("acknowledged audio is forgotten and what follows kept", () => {
  const ring = buffer();
  ring.addAudio(bytes("abcdef"));
  taken(ring);
  expect(ring.acknowledge(2)).toBe(true);
  expect(ring.acknowledge(1)).toBe(false);
  expect(ring.acknowledgedS).toBeCloseTo(0.2);
  ring.rewind(2, 0);
  expect(taken(ring)).toEqual(["[ef]"]);
  expect(() => ring.rewind(1, 0)).toThrow(/0\.100 s of the call's audio.* follows 0\.200 s/);
});

test("a control is kept until audio behind it is acknowledged", () => {
  const ring = buffer();
  ring.addAudio(bytes("ab"));
  ring.addControl("flush");
  ring.addAudio(bytes("cd"));
  taken(ring);
  ring.acknowledge(1);
  ring.rewind(1, 0);
  expect(taken(ring)).toEqual(["flush", "[cd]"]);
  ring.acknowledge(2);
  ring.rewind(2, 1);
  expect(taken(ring)).toEqual([]);
});

test("controls that were refused and forgotten leave the numbers as they were", () => {
  const ring = buffer();
  for (const control of ["good", "bad", "worse"]) ring.addControl(control);
  ring.addAudio(bytes("ab"));
  taken(ring);
  ring.acknowledge(1);
  ring.addControl("flush");
  ring.rewind(1, 1);
  expect([ring.ready, ring.pending]).toEqual([true, true]);
  expect(taken(ring)).toEqual([NOTHING, NOTHING, "flush"]);
  ring.rewind(1, 4);
  expect(ring.pending).toBe(false);
  ring.rewind(1, 3);
  expect(taken(ring)).toEqual(["flush"]);
});

test("it is full beyond its capacity until some is acknowledged", () => {
  const ring = buffer();
  ring.addAudio(new Uint8Array(20));
  expect(ring.full).toBe(false);
  ring.addAudio(bytes("x"));
  expect([ring.full, ring.overrun]).toEqual([true, false]);
  ring.addAudio(new Uint8Array(200));
  expect(ring.overrun).toBe(true);
  taken(ring);
  ring.acknowledge(100);
  expect([ring.full, ring.overrun]).toEqual([true, false]);
  taken(ring);
  ring.acknowledge(110);
  expect(ring.full).toBe(false);
});

test("what was sent may be forgotten where nothing is resumed", () => {
  const ring = buffer();
  ring.addAudio(new Uint8Array(30));
  ring.addControl("flush");
  taken(ring);
  ring.addControl("finalize");
  ring.forgetSent();
  expect(ring.full).toBe(false);
  expect(taken(ring)).toEqual(["finalize"]);
});

test("long audio goes out in messages that servers take", () => {
  const ring = buffer(2, 10_000);
  const audio = Uint8Array.from({ length: 153_600 }, (_, index) => index % 251);
  ring.addAudio(audio.slice(0, 70_001));
  ring.addAudio(audio.slice(70_001));
  const messages: Uint8Array[] = [];
  for (let next = ring.dequeue(); next !== null; next = ring.dequeue()) {
    messages.push(next as Uint8Array);
  }
  expect(Buffer.concat(messages).equals(audio)).toBe(true);
  expect(Math.max(...messages.map((each) => each.length))).toBe(LONGEST_MESSAGE);
});

test("only ten seconds go out without an acknowledgement", () => {
  const ring = buffer(2, 10, 100);
  const sizes = (): number[] => taken(ring).map((each) => (each[0] === "[" ? each.length - 2 : 0));
  ring.addAudio(new Uint8Array(240));
  ring.addControl("flush");
  expect(sizes()).toEqual([200]);
  expect(ring.underWayS).toBe(10);
  expect([ring.ready, ring.pending]).toEqual([false, true]);
  ring.acknowledge(10);
  expect(sizes()).toEqual([20]);
  ring.acknowledge(20);
  expect(sizes()).toEqual([20, 0]);
  expect([ring.ready, ring.pending]).toEqual([false, false]);
});

test("what a server resumed with need not be acknowledged before more goes out", () => {
  const ring = buffer(2, 10, 11);
  ring.addAudio(new Uint8Array(240));
  taken(ring);
  ring.rewind(100, 0);
  expect(ring.full).toBe(false);
  expect(taken(ring)[0]).toHaveLength(42);
});

test("a server cannot have what was not sent", () => {
  const ring = buffer();
  ring.addAudio(bytes("abcd"));
  expect(() => ring.acknowledge(2)).toThrow("frame 2");
  expect(() => ring.rewind(3, 0)).toThrow("frame 3");
  expect(() => ring.rewind(0, 1)).toThrow("control 1");
});

/** A server that loses its newest messages when the connection breaks. */
class Model {
  audio = "";
  controls: { number: number; at: number; text: string }[] = [];
  numbered = 0;
  acknowledged = 0;

  constructor(readonly frameBytes: number) {}

  receive(message: Uint8Array | string): void {
    if (typeof message !== "string") {
      this.audio += Buffer.from(message).toString("latin1");
      return;
    }
    this.numbered += 1;
    if (message.startsWith("refused")) return;
    this.controls.push({ number: this.numbered, at: this.audio.length, text: message });
  }

  /** Keeps a part of what is not acknowledged; returns where it goes on. */
  lose(part: number): [number, number] {
    let kept = this.acknowledged + Math.floor((this.audio.length - this.acknowledged) * part);
    kept -= kept % this.frameBytes;
    this.audio = this.audio.slice(0, kept);
    // Of the controls just where the audio ends, some took effect.
    const before = this.controls.filter((control) => control.at < kept);
    const atEnd = this.controls.filter((control) => control.at === kept);
    this.controls = [...before, ...atEnd.slice(0, Math.round(atEnd.length * part))];
    this.numbered = this.controls.at(-1)?.number ?? 0;
    return [kept / this.frameBytes, this.numbered];
  }
}

test.each([1, 2, 4, 8])(
  "whatever breaks, the server gets everything once and in place: %i bytes a frame",
  (frameBytes) => {
    for (let seed = 0; seed < 100; seed += 1) {
      const random = dice(seed);
      const ring = buffer(frameBytes);
      const server = new Model(frameBytes);
      let audio = "";
      const controls: { number: number; at: number; text: string }[] = [];
      for (let step = 0; step < 60; step += 1) {
        const kind = Math.floor(random() * 6);
        if (kind < 2) {
          const data = "abcdefghi".slice(0, Math.floor(random() * 10));
          ring.addAudio(bytes(data));
          audio += data;
        } else if (kind === 2) {
          const refused = random() < 0.5;
          const text = `${refused ? "refused" : "control"} ${ring.controls + 1}`;
          ring.addControl(text);
          if (!refused) controls.push({ number: ring.controls, at: audio.length, text });
        } else if (kind === 3) {
          for (let count = random() * 9; count > 0; count -= 1) {
            const message = ring.dequeue();
            if (message !== null) server.receive(message);
          }
        } else if (kind === 4) {
          const frames = Math.floor((server.audio.length * random()) / frameBytes);
          server.acknowledged = Math.max(server.acknowledged, frames * frameBytes);
          ring.acknowledge(server.acknowledged / frameBytes);
        } else {
          ring.rewind(...server.lose(random()));
        }
        expect(ring.pending || !ring.ready).toBe(true);
      }
      while (ring.pending) {
        for (let next = ring.dequeue(); next !== null; next = ring.dequeue()) server.receive(next);
        ring.acknowledge(Math.floor(server.audio.length / frameBytes));
      }
      expect(server.audio).toBe(audio);
      expect(server.controls.filter((control) => control.text !== NOTHING)).toEqual(controls);
    }
  },
);
