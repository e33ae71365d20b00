import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";

import { strings } from "../strings.js";
import { clock, duration } from "../units.js";
import { isRunning, type Shown, type Speaking } from "./speaking.js";

const texts = strings.speak;

/** Draws a component again every `ms` while `active`; returns the time, ms since 1970. */
export function useTick(ms: number, active: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!active) return undefined;
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms, active]);
  return now;
}

/** Whether the system has a network; a socket can stay open for long without one. */
function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const abort = new AbortController();
    const changed = (): void => setOnline(navigator.onLine);
    for (const name of ["online", "offline"]) addEventListener(name, changed, abort);
    changed();
    return () => abort.abort();
  }, []);
  return online;
}

/** What the call does now, and how long a broken connection lasts. */
export function Status({ speaking, shown }: { speaking: Speaking; shown: Shown }): ComponentChild {
  const { state, since, settings } = shown;
  const now = useTick(250, isRunning(state) || state === "finishing");
  const online = useOnline();
  const resuming = state === "resuming";
  return (
    <div class={`status ${state}`}>
      <span class="dot" aria-hidden="true" />
      <span role="status">{stateText(state, settings.source)}</span>
      {!online && isRunning(state) && <span role="alert">{texts.offline}</span>}
      {resuming && (
        <span class="waiting">
          {texts.waiting(duration(Math.max(0, now - since) / 1000), duration(speaking.waitingS))}
        </span>
      )}
      {state !== "idle" && <span class="clock">{clock(speaking.sound.endS)}</span>}
    </div>
  );
}

function stateText(state: Shown["state"], source: "microphone" | "file"): string {
  if (state === "starting") return source === "file" ? texts.states.opening : texts.states.asking;
  return texts.states[state];
}
