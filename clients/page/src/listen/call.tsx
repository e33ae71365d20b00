import type { ComponentChild } from "preact";
import { useMemo, useState } from "preact/hooks";

import { hashOf } from "../route.js";
import { strings } from "../strings.js";
import { clock } from "../units.js";
import { arrange } from "./blocks.js";
import { find, step } from "./find.js";
import { Finder } from "./finder.js";
import type { Following, FollowState } from "./following.js";
import { useFollowing } from "./following.js";
import { usePinned } from "./pane.js";
import { roleOf } from "./roles.js";
import { Taking } from "./taking.js";
import { Timeline } from "./timeline_view.js";
import { byTurn, Stretch, stretches } from "./turns.js";

const texts = strings.listen;

/** A call as it is said, or as it was. */
export function CallView({ call }: { call: string }): ComponentChild {
  const following = useFollowing(call);
  const { transcript, state, version, news } = following;
  const [wanted, setWanted] = useState("");
  const [current, setCurrent] = useState(-1);
  const items = useMemo(() => arrange(transcript.entries), [version]);
  const found = useMemo(() => find(transcript.entries, wanted), [version, wanted]);
  const places = useMemo(() => byTurn(found), [found]);
  const pinned = usePinned(version);
  const show = (key: string): void => {
    pinned.show(pinned.pane.current?.querySelector(`[data-key="${CSS.escape(key)}"]`));
  };
  const go = (by: 1 | -1): void => {
    const next = step(current, by, found.length);
    setCurrent(next);
    const place = found[next];
    if (place) show(place.key);
  };
  const seek = (at: number): void => {
    const before = transcript.entries.findLast((each) => each.kind === "turn" && each.at <= at);
    if (before) show(before.key);
  };
  const search = (text: string): void => {
    setWanted(text);
    setCurrent(-1);
  };
  const columns = transcript.legs.length;
  return (
    <div class="listen-call">
      <Head call={call} following={following} />
      <Timeline transcript={transcript} live={state === "live"} onSeek={seek} />
      <div class="tools">
        <Finder
          wanted={wanted}
          current={current}
          count={found.length}
          onWanted={search}
          onStep={go}
        />
        <Taking call={call} />
      </div>
      <div
        class={columns === 2 || columns === 3 ? "pane lanes" : "pane"}
        tabIndex={0}
        role="region"
        aria-label={texts.turns}
        ref={pinned.pane}
        onScroll={pinned.onScroll}
        style={{ "--columns": String(columns) }}
      >
        <div class="turns">
          {stretches(items).map((each, index) => (
            <Stretch
              key={index}
              items={each}
              legs={transcript.legs}
              began={transcript.began}
              found={places}
              current={current}
            />
          ))}
        </div>
        {!transcript.entries.some((each) => each.kind === "turn") && columns > 0 && (
          <p class="quiet">{state === "ended" ? texts.nothing : texts.empty}</p>
        )}
      </div>
      {!pinned.following && (
        <button class="to-end primary" onClick={pinned.toEnd}>
          {texts.toEnd} ↓
        </button>
      )}
      <p class="sr-only" aria-live="polite">
        {news && `${roleOf(news.leg, transcript.legs)}: ${news.text}`}
      </p>
    </div>
  );
}

const SHOWN: Partial<Record<FollowState, keyof typeof texts.states>> = {
  unknown: "searching",
  denied: "failed",
  unreachable: "searching",
};

function Head({ call, following }: { call: string; following: Following }): ComponentChild {
  const { transcript, state } = following;
  const shown = SHOWN[state] ?? (state as keyof typeof texts.states);
  return (
    <div class="head">
      <h2>{call}</h2>
      <span class={`state ${state}`} role="status">
        {texts.states[shown]}
      </span>
      {transcript.began > 0 && (
        <span class="quiet">
          {texts.began} {new Date(transcript.began * 1000).toLocaleString()}
          {" · "}
          {texts.lasted} {clock(transcript.reached, 0)}
        </span>
      )}
      <a class="other" href={hashOf("listen")}>
        {texts.other}
      </a>
      <Problem call={call} following={following} />
    </div>
  );
}

function Problem({
  call,
  following: { state, failure },
}: {
  call: string;
  following: Following;
}): ComponentChild {
  const { problems } = texts;
  if (state === "unknown") return <p class="problem">{problems.unknown(call)}</p>;
  if (state === "denied" || state === "unreachable" || state === "resuming") {
    return <p class="problem">{problems[state]}</p>;
  }
  return state === "failed" ? <p class="problem">{problems.failed(failure)}</p> : null;
}
