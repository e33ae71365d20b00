import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";

import { strings } from "../strings.js";
import { clock } from "../units.js";
import { roleOf } from "./roles.js";
import { drawn, ticks } from "./timeline.js";
import type { Transcript } from "./transcript.js";

const texts = strings.listen.timeline;
/** Seconds that the shorter span shows. */
const RECENT_S = 120;

/** Who spoke when, one lane for each leg. The list of turns says the same in words. */
export function Timeline({
  transcript,
  live,
  onSeek,
}: {
  transcript: Transcript;
  live: boolean;
  onSeek(at: number): void;
}): ComponentChild {
  const [whole, setWhole] = useState<boolean | null>(null);
  const all = whole ?? !live;
  const { legs, reached } = transcript;
  if (!legs.length) return null;
  const to = Math.max(reached, all ? 1 : Math.min(RECENT_S, 30));
  const from = all ? 0 : Math.max(0, to - RECENT_S);
  const { lanes, overlaps, gaps } = drawn(
    transcript.entries,
    transcript.openSpeech,
    legs,
    from,
    to,
  );
  const seek = (event: MouseEvent): void => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    onSeek(from + ((event.clientX - box.left) / box.width) * (to - from));
  };
  return (
    <div class="timeline">
      <div class="span" role="group" aria-label={texts.span}>
        <button aria-pressed={!all} onClick={() => setWhole(false)}>
          {texts.recent}
        </button>
        <button aria-pressed={all} onClick={() => setWhole(true)}>
          {texts.whole}
        </button>
      </div>
      <div class="chart" aria-hidden="true">
        <div class="roles">
          {legs.map((leg) => (
            <span class={`lane-${leg.index % 2}`}>{roleOf(leg, legs)}</span>
          ))}
        </div>
        <svg
          viewBox={`${from} 0 ${to - from} ${legs.length}`}
          preserveAspectRatio="none"
          style={{ height: `${legs.length * 1.25}rem` }}
          onClick={seek}
        >
          <path class="together" d={overlaps} />
          {lanes.map((path, index) => (
            <path class={`lane-${index % 2}`} d={path} />
          ))}
          <path class="gap" d={gaps} />
        </svg>
        <div class="axis">
          {ticks(from, to).map((at) => (
            <span key={at} style={{ left: `${((at - from) / (to - from)) * 100}%` }}>
              {clock(at, 0)}
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}
