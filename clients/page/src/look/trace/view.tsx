import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";

import { may } from "../../access/access.js";
import { callInProgress } from "../../call_in_progress.js";
import { observable, useObserved } from "../../observable.js";
import { ask } from "../../server.js";
import { strings } from "../../strings.js";
import { clock, duration } from "../../units.js";
import { bars, MOST_BARS, PARTS, readTrace, slowestOf } from "./trace.js";
import type { Bar, Traced } from "./trace.js";

const texts = strings.look.trace;

/** The trace that was read last. */
export const lastTrace = observable<readonly Traced[]>([]);

/** Shows where the time of each final of a call went. `call`: the one that the address names. */
export function TraceView({ call }: { call: string }): ComponentChild {
  const [name, setName] = useState(call);
  const [said, setSaid] = useState("");
  const [silence, setSilence] = useState(false);
  const trace = useObserved(lastTrace);
  const show = async (wanted: string): Promise<void> => {
    const id = wanted.trim() || callInProgress.value?.sessionId;
    if (!id) return setSaid(texts.none);
    const { trace: found, problem } = await load(id);
    lastTrace.set(found);
    setSaid(problem);
  };
  useEffect(() => {
    setName(call);
    if (call) void show(call);
  }, [call]);
  const drawn = bars(trace, silence);
  const slowest = slowestOf(drawn);
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    void show(name);
  };
  return (
    <>
      <p class="quiet">{texts.about}</p>
      <form class="start" onSubmit={onSubmit}>
        <label for="trace-call">{texts.field}</label>
        <input
          id="trace-call"
          value={name}
          placeholder={texts.hint}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button class="primary">{texts.go}</button>
        <label>
          <input
            type="checkbox"
            checked={silence}
            onChange={(event) => setSilence(event.currentTarget.checked)}
          />{" "}
          {texts.silence}
        </label>
      </form>
      <p role="status">
        {said}
        {slowest &&
          texts.slowest(texts.parts[slowest.part], `${Math.round(slowest.share * 100)} %`)}
      </p>
      {drawn.length > 0 && <Bars drawn={drawn} />}
      {trace.length > MOST_BARS && <p class="quiet">{texts.newest(MOST_BARS)}</p>}
    </>
  );
}

async function load(id: string): Promise<{ trace: readonly Traced[]; problem: string }> {
  if (!may("read")) return { trace: [], problem: strings.access.lacks.read };
  const { status, body } = await ask(`v1/sessions/${encodeURIComponent(id)}/trace`);
  const trace = status === 200 ? readTrace(body) : null;
  if (trace) return { trace, problem: trace.length ? "" : texts.empty };
  const known = typeof body === "object" && body !== null;
  if (status === 404) return { trace: [], problem: known ? texts.unknown(id) : texts.old };
  if (status === 401 || status === 403) return { trace: [], problem: strings.access.lacks.read };
  return { trace: [], problem: texts.unreachable };
}

function Bars({ drawn }: { drawn: readonly Bar[] }): ComponentChild {
  const parts = PARTS.filter((part) =>
    drawn.some((bar) => bar.pieces.some((each) => each.part === part)),
  );
  return (
    <>
      <ul class="legend">
        {parts.map((part) => (
          <li key={part}>
            <span class={`part ${part}`} /> {texts.parts[part]}
          </li>
        ))}
      </ul>
      <table class="wide trace">
        <thead>
          <tr>
            <th scope="col">{texts.columns.final}</th>
            <th scope="col">{texts.columns.bar}</th>
            <th scope="col" class="number">
              {texts.columns.total}
            </th>
            <th scope="col">{texts.columns.slowest}</th>
          </tr>
        </thead>
        <tbody>
          {drawn.map((bar) => (
            <BarRow key={bar.key} bar={bar} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function BarRow({ bar: { traced, pieces, total, slowest } }: { bar: Bar }): ComponentChild {
  const role = traced.label ?? strings.listen.channel(traced.channel);
  const told = pieces
    .map(({ part, ms }) => `${texts.parts[part]} ${duration(ms / 1000)}`)
    .join(", ");
  return (
    <tr>
      <th scope="row">
        {texts.final(role, traced.utterance)} <time>{clock(traced.end)}</time>
      </th>
      <td class="bar">
        <svg viewBox="0 0 1 1" preserveAspectRatio="none" role="img" aria-label={told}>
          <title>{told}</title>
          {pieces.map(({ part, from, share }) => (
            <rect key={part} class={`part ${part}`} x={from} y="0" width={share} height="1" />
          ))}
        </svg>
      </td>
      <td class="number">{total ? duration(total / 1000) : texts.untold}</td>
      <td>{slowest && `${texts.parts[slowest.part]}, ${duration(slowest.ms / 1000)}`}</td>
    </tr>
  );
}
