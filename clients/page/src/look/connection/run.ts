import { connect } from "callscribe";

import { access, callSettings } from "../../access/access.js";
import { callToken } from "../../access/asking.js";
import { address, ask, socketAddress } from "../../server.js";
import { quantile } from "../../units.js";
import { CLIP_TEXT, loadClip } from "../clip.js";
import { encode } from "../formats/encode.js";
import { messageOf, speak } from "../probe.js";
import { runner } from "../runner.js";
import { wordErrors } from "../words.js";
import { step, STEPS, UNTRIED, withStep } from "./steps.js";
import type { Found, Step, StepName } from "./steps.js";

/** How often a round trip is measured. */
const TIMES = 5;
/** Seconds that a step may take. */
const PATIENCE_S = 20;
/** Share of words that may be heard otherwise. */
const TOLERANCE = 0.34;

type Doing = (signal: AbortSignal) => Promise<Found>;

const DOING: Record<StepName, Doing> = {
  http: overHttp,
  ready: whetherReady,
  websocket: handshake,
  call: opened,
  pipeline: throughPipeline,
  speech: transcribed,
};

/** Tests each part of the way to the server, and stops at the first that fails. */
export const connectionTest = runner<readonly Step[]>(UNTRIED, async (update, ending) => {
  let steps = [...UNTRIED];
  const show = (changed: Step): void => update((steps = withStep(steps, changed)));
  for (const name of STEPS) {
    show(step(name, "running"));
    const signal = AbortSignal.any([ending, AbortSignal.timeout(PATIENCE_S * 1000)]);
    try {
      show(step(name, "passed", await DOING[name](signal)));
    } catch (error) {
      ending.throwIfAborted();
      const said = signal.aborted ? `no answer within ${PATIENCE_S} s` : messageOf(error);
      return show(step(name, "failed", { said }));
    }
  }
});

/** One round trip: from the request's last byte to the answer's first. */
async function overHttp(signal: AbortSignal): Promise<Found> {
  const url = `${address("health")}?round-trip`;
  const times: number[] = [];
  for (let number = 0; number < TIMES; number += 1) {
    const each = `${url}=${performance.now()}`;
    const began = performance.now();
    const answer = await fetch(each, { signal, cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    await answer.text();
    const [timing] = performance.getEntriesByName(each) as PerformanceResourceTiming[];
    const exact = timing?.requestStart ? timing.responseStart - timing.requestStart : 0;
    times.push((exact || performance.now() - began) / 1000);
  }
  performance.clearResourceTimings();
  return { seconds: quantile(times, 0.5), slowest: Math.max(...times) };
}

async function whetherReady(signal: AbortSignal): Promise<Found> {
  const { status, body } = await ask("ready", { signal });
  if (status !== 200) throw new Error(String(body ?? "no answer").trim());
  return {};
}

async function handshake(signal: AbortSignal): Promise<Found> {
  const carried = access.value.key ? ["callscribe", `token.${await callToken()}`] : [];
  const began = performance.now();
  const socket = new WebSocket(socketAddress("ws/asr"), carried);
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      socket.close();
      reject(new Error("the handshake failed"));
    };
    signal.addEventListener("abort", fail);
    socket.onerror = fail;
    socket.onopen = () => {
      socket.close(1000);
      resolve({ seconds: (performance.now() - began) / 1000 });
    };
  });
}

/** From connecting until the server has opened a call. */
async function opened(signal: AbortSignal): Promise<Found> {
  const format = { encoding: "pcm16", sample_rate: 8000, channels: 1 } as const;
  const outcome = await speak({ format, audio: new Uint8Array(0), paced: false }, signal);
  return { seconds: outcome.opened };
}

/** From a flush to its answer, which every process that recognises has a part in. */
async function throughPipeline(signal: AbortSignal): Promise<Found> {
  const call = connect(socketAddress("ws/asr"), {
    format: { encoding: "pcm16", sample_rate: 8000, channels: 1 },
    resume: false,
    ...callSettings(callToken),
  });
  const leave = (): void => call.leave();
  signal.addEventListener("abort", leave);
  const once = (event: "created" | "final"): Promise<void> =>
    new Promise((resolve, reject) => {
      const remove = call.on(event, () => {
        remove();
        resolve();
      });
      call.on("state", (state) => {
        if (state === "failed" || state === "finished")
          reject(call.failure ?? new Error("the call ended"));
      });
    });
  try {
    await once("created");
    const times: number[] = [];
    for (let number = 0; number < TIMES; number += 1) {
      // 0.1 s of silence, so that each flush is at another place.
      await call.send(new Uint8Array(1600));
      const answered = once("final");
      const began = performance.now();
      call.flush();
      await answered;
      times.push((performance.now() - began) / 1000);
    }
    await call.finish();
    return { seconds: quantile(times, 0.5), slowest: Math.max(...times) };
  } finally {
    signal.removeEventListener("abort", leave);
    call.leave();
  }
}

async function transcribed(signal: AbortSignal): Promise<Found> {
  const clip = await loadClip(signal);
  const format = { encoding: "pcm16", sample_rate: clip.rate, channels: 1 } as const;
  const audio = encode(clip.samples, "pcm16");
  const { texts, latencies, finished } = await speak({ format, audio, paced: true }, signal);
  const { wrong, of } = wordErrors(CLIP_TEXT, texts[0]!);
  if (wrong > TOLERANCE * of)
    throw new Error(texts[0] ? `heard “${texts[0]}”` : "nothing was heard");
  return { seconds: latencies[0] ?? finished, said: `${of - wrong}/${of}` };
}
