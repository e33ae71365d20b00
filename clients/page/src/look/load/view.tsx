import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";

import { useObserved } from "../../observable.js";
import { strings } from "../../strings.js";
import { duration } from "../../units.js";
import { StartStop } from "../start_stop.js";
import { allowed, MOST_CALLS, MOST_SECONDS, summary } from "./measured.js";
import type { LoadResult } from "./measured.js";
import { loadTest, wantedLoad } from "./run.js";

const texts = strings.look.load;

/** A small load test, which asks before it begins. */
export function LoadView(): ComponentChild {
  const { running, result } = useObserved(loadTest.test);
  const [calls, setCalls] = useState(String(wantedLoad.value.calls));
  const [seconds, setSeconds] = useState(String(wantedLoad.value.seconds));
  const [asking, setAsking] = useState(false);
  const load = allowed(Number(calls), Number(seconds));
  const begin = (): void => {
    setAsking(false);
    wantedLoad.set(load);
    loadTest.start();
  };
  return (
    <>
      <p class="warning">
        <strong>{texts.warning}</strong> {texts.about}
      </p>
      <p class="start">
        <label>
          {texts.calls}{" "}
          <input
            type="number"
            min="1"
            max={MOST_CALLS}
            value={calls}
            disabled={running}
            onInput={(event) => setCalls(event.currentTarget.value)}
          />
        </label>
        <label>
          {texts.seconds}{" "}
          <input
            type="number"
            min="1"
            max={MOST_SECONDS}
            value={seconds}
            disabled={running}
            onInput={(event) => setSeconds(event.currentTarget.value)}
          />
        </label>
      </p>
      {asking ? (
        <p class="start" role="alert">
          <span>{texts.confirm(load.calls, load.seconds, location.host)}</span>
          <button class="primary" onClick={begin}>
            {texts.yes}
          </button>
          <button onClick={() => setAsking(false)}>{texts.no}</button>
        </p>
      ) : (
        <StartStop of={loadTest} begun={result !== null} onStart={() => setAsking(true)}>
          {running && result && (
            <span role="status">
              {texts.progress(Math.floor(result.passed), result.load.seconds)}
            </span>
          )}
        </StartStop>
      )}
      {result && <Figures result={result} />}
    </>
  );
}

function Figures({ result }: { result: LoadResult }): ComponentChild {
  const times = summary(result);
  const { columns } = texts;
  const figures = [
    [columns.made, result.made],
    [columns.finals, result.latencies.length],
    [columns.p50, times ? duration(times.p50) : "–"],
    [columns.p95, times ? duration(times.p95) : "–"],
    [columns.refused, result.refused],
    [columns.failed, result.failed],
  ];
  return (
    <>
      <dl>
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {result.said && <p class="bad">{texts.last(result.said)}</p>}
      <p class="quiet">{texts.hint}</p>
    </>
  );
}
