import { expect, test, vi } from "vitest";

import { follow, type ReaderMessage } from "../src/index.js";
import { SPAN } from "./calls.js";
import { type Peer, serving, type Script } from "./peer.js";

const call = { session_id: "s1" };
const base = (url: string): string => url.replace("/ws/asr", "").replace("ws:", "http:");

function tell(peer: Peer, ...seqs: number[]): void {
  peer.say("session_created", { ...call, channels: 1, started: 1 });
  for (const seq of seqs) {
    peer.say("final", { ...call, ...SPAN, utterance: seq, seq, text: `${seq}` });
  }
}

async function read(messages: AsyncIterable<ReaderMessage>): Promise<string[]> {
  const found: string[] = [];
  for await (const message of messages) {
    found.push(message.type === "final" ? message.text : message.type);
  }
  return found;
}

test("a call is read to its end, over broken connections, and nothing twice", async () => {
  const paths: unknown[] = [];
  const scripts: Script[] = [
    async (peer) => {
      paths.push(peer.request.url);
      tell(peer, 1, 2);
      await peer.cutBehind();
    },
    async (peer) => {
      paths.push(peer.request.url);
      tell(peer, 2, 3);
      peer.say("speech_started", { ...call, channel: 0, utterance: 4, start: 1, at: 1 });
      await peer.cutBehind();
    },
    async (peer) => {
      paths.push(peer.request.url);
      tell(peer, 5);
      peer.say("speech_started", { ...call, channel: 0, utterance: 4, start: 1, at: 1 });
      peer.say("session_ended", call);
    },
  ];
  await serving(scripts, async (url) => {
    const follower = follow(base(url), "ticket 1");
    const states: string[] = [];
    follower.on("state", (state) => states.push(state));
    expect(await read(follower)).toEqual([
      ...["session_created", "1", "2", "3", "speech_started", "5", "session_ended"],
    ]);
    expect([follower.place, follower.failure]).toEqual(["s1-5", null]);
    expect(states).toEqual(["reading", "ended"]);
  });
  const path = "/v1/sessions/ticket%201/events";
  expect(paths).toEqual([`${path}?from=0`, `${path}?from=s1-2`, `${path}?from=s1-3`]);
});

test("it goes on from a place", async () => {
  const script = async (peer: Peer): Promise<void> => {
    expect(peer.request.url).toContain("from=s0-9.s1-7");
    tell(peer, 7, 8);
  };
  await serving(script, async (url) => {
    const follower = follow(base(url), "c", { from: "s0-9.s1-7" });
    expect(await read(follower)).toEqual(["session_created", "8"]);
  });
});

test("a call that nobody knows is a failure", async () => {
  const use = async (url: string): Promise<void> => {
    const http = vi.spyOn(globalThis, "fetch");
    const follower = follow(base(url), "nobody");
    await expect(read(follower)).rejects.toMatchObject({ code: "unknown_call" });
    expect(follower.state).toBe("failed");
    expect(http).toHaveBeenCalledOnce();
    http.mockRestore();
  };
  await serving(() => undefined, use, () => 404);
});

test("stopping ends it", async () => {
  await serving(
    async (peer) => {
      tell(peer, 1);
      await peer.closed();
    },
    async (url) => {
      const follower = follow(base(url), "c");
      follower.on("message", ({ type }) => type === "final" && follower.stop());
      expect(await read(follower)).toEqual(["session_created", "1"]);
      expect(follower.state).toBe("ended");
    },
  );
});

test("after a long silence it connects again, in case the server is gone", async () => {
  const scripts: Script[] = [
    async (peer) => {
      tell(peer, 1);
      await peer.closed();
    },
    (peer) => tell(peer, 2),
  ];
  await serving(scripts, async (url) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const follower = follow(base(url), "c");
    const found = read(follower);
    const said = new Promise<void>((resolve) => {
      follower.on("message", ({ type }) => type === "final" && resolve());
    });
    await vi.advanceTimersByTimeAsync(1);
    await said;
    await vi.advanceTimersByTimeAsync(30_001);
    vi.useRealTimers();
    expect(await found).toEqual(["session_created", "1", "2"]);
  });
});

test("pauses grow where no token is to be had after a connection, until patience ends", async () => {
  const script = async (peer: Peer): Promise<void> => {
    tell(peer, 1);
    await peer.closed();
  };
  await serving(script, async (url) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const chance = vi.spyOn(Math, "random").mockReturnValue(1);
    const asked: number[] = [];
    const token = async (): Promise<string> => {
      if (asked.push(performance.now() / 1000) > 1) throw new Error("HTTP 500");
      return "t";
    };
    const follower = follow(base(url), "c", { token });
    const states: string[] = [];
    follower.on("state", (state) => states.push(state));
    const said = new Promise((resolve) => follower.on("message", resolve));
    await vi.advanceTimersByTimeAsync(1);
    await said;
    await vi.advanceTimersByTimeAsync(95_000);
    vi.useRealTimers();
    chance.mockRestore();
    const pauses = asked.slice(2).map((at, index) => at - (asked[index + 1] as number));
    expect(pauses.slice(0, 6).map((pause) => pause.toFixed(1))).toEqual([
      ...["0.2", "0.4", "0.8", "1.6", "3.2", "5.0"],
    ]);
    expect(asked.length).toBeLessThan(25);
    expect([states, follower.failure?.code]).toEqual([
      ["reading", "reconnecting", "failed"],
      "disconnected",
    ]);
  });
});

test.each(["", "x", "1..2", "-1", "a-1.2", "a-x"])("what is no place is refused: %j", (from) => {
  expect(() => follow("http://h", "c", { from })).toThrow("from is a seq");
});
