import type { ComponentChild } from "preact";

import { strings } from "../strings.js";
import { duration } from "../units.js";
import { MEASURES } from "./latencies.js";
import { legName } from "./levels_view.js";
import type { Shown } from "./speaking.js";

const texts = strings.speak.latency;
const COLUMNS = [texts.last, texts.p50, texts.p95, texts.count];

/** How late text comes in this call. */
export function LatencyPanel({ shown }: { shown: Shown }): ComponentChild {
  const { latencies, lags, settings } = shown;
  const measured = MEASURES.filter((each) => latencies[each]);
  const fast = settings.source === "file" && !settings.paced;
  return (
    <section class="panel latency" aria-labelledby="latency-heading">
      <h3 id="latency-heading">{texts.heading}</h3>
      {lags.map((seconds, channel) => seconds > 0 && (
        <p key={channel} class="notice" role="status">
          {texts.behind(legName(settings, settings.channels, channel), duration(seconds))}
        </p>
      ))}
      {!measured.length && <p class="note">{texts.none}</p>}
      {measured.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.measure}</th>
              {COLUMNS.map((each) => <th scope="col">{each}</th>)}
            </tr>
          </thead>
          <tbody>
            {measured.map((measure) => {
              const { last, p50, p95, count } = latencies[measure]!;
              return (
                <tr key={measure} data-measure={measure}>
                  <th scope="row">{texts[measure]}</th>
                  {[last, p50, p95].map((each) => <td>{duration(each)}</td>)}
                  <td>{count}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {measured.length > 0 && fast && <p class="note">{texts.fast}</p>}
    </section>
  );
}
