import type { ComponentChild } from "preact";

import { useObserved } from "../../observable.js";
import { strings } from "../../strings.js";
import { age, bytes, duration } from "../../units.js";
import { stageState } from "./facts.js";
import type { Health } from "./facts.js";
import type { Refused } from "./refusals.js";
import { seen, useHealthWatch } from "./watch.js";
import type { Seen } from "./watch.js";

const texts = strings.look.health;

/** How the server is, asked again and again. */
export function HealthView(): ComponentChild {
  useHealthWatch();
  const now = useObserved(seen);
  const { health, reachable, refused, withheld } = now;
  return (
    <section class="health" aria-labelledby="health">
      <h2 id="health">{texts.title}</h2>
      <Verdict seen={now} />
      {withheld && <p class="quiet">{texts.withheld[withheld]}</p>}
      {health && (
        <div class={reachable ? "facts" : "facts stale"}>
          <div>
            <h3>{texts.stages}</h3>
            <Stages health={health} />
          </div>
          <div>
            <h3>{texts.refusals}</h3>
            <Refusals refused={refused} />
          </div>
          <Facts seen={now} health={health} />
        </div>
      )}
    </section>
  );
}

function Verdict({ seen }: { seen: Seen }): ComponentChild {
  const { health, reachable, unready, at } = seen;
  if (reachable === null) return <p role="status">{texts.asking}</p>;
  if (!reachable) {
    return (
      <p class="standing bad" role="status">
        {texts.unreachable} {health && texts.stale(new Date(at).toLocaleTimeString())}
      </p>
    );
  }
  const reason = health?.ready ? "" : (health?.reason ?? unready);
  if (!reason)
    return (
      <p class="standing good" role="status">
        {texts.ready}
      </p>
    );
  const { remedies } = texts;
  const remedy = reason in remedies ? remedies[reason as keyof typeof remedies] : remedies.worker;
  return (
    <p class="standing bad" role="status">
      {texts.unready(reason)} {remedy}
    </p>
  );
}

function Stages({ health }: { health: Health }): ComponentChild {
  const { columns } = texts;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{columns.stage}</th>
          <th scope="col" class="number">
            {columns.workers}
          </th>
          <th scope="col" class="number">
            {columns.used}
          </th>
          <th scope="col" class="number">
            {columns.slots}
          </th>
          <th scope="col">{columns.state}</th>
        </tr>
      </thead>
      <tbody>
        {Object.entries(health.stages).map(([name, stage]) => {
          const state = stageState(name, stage);
          return (
            <tr key={name} class={`stage ${state}`}>
              <th scope="row">{name}</th>
              <td class="number">{stage.workers}</td>
              <td class="number">{stage.used}</td>
              <td class="number">{stage.slots}</td>
              <td class="standing">{texts.states[state]}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Facts({
  seen: { endpointToFinal },
  health,
}: {
  seen: Seen;
  health: Health;
}): ComponentChild {
  return (
    <dl>
      <div>
        <dt>{texts.version}</dt>
        <dd>{health.version}</dd>
      </div>
      <div>
        <dt>{texts.calls}</dt>
        <dd>{texts.of(health.sessions, health.max_sessions)}</dd>
      </div>
      <div>
        <dt>{texts.finals}</dt>
        <dd title={texts.finalsHint}>
          {endpointToFinal === null ? "–" : duration(endpointToFinal)}
        </dd>
      </div>
      <div>
        <dt>{texts.memory}</dt>
        <dd>{bytes(health.memory_bytes)}</dd>
      </div>
      <div>
        <dt>{texts.age}</dt>
        <dd>{age(health.uptime_s)}</dd>
      </div>
    </dl>
  );
}

function Refusals({ refused }: { refused: readonly Refused[] }): ComponentChild {
  if (!refused.length) return <p class="quiet">{texts.noRefusals}</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{texts.refused.reason}</th>
          <th scope="col" class="number">
            {texts.refused.recent}
          </th>
          <th scope="col" class="number">
            {texts.refused.all}
          </th>
        </tr>
      </thead>
      <tbody>
        {refused.map(({ reason, recent, all }) => (
          <tr key={reason}>
            <th scope="row">
              <code>{reason}</code>
            </th>
            <td class={recent ? "number bad" : "number"}>{recent}</td>
            <td class="number">{all}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
