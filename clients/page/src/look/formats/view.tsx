import type { ComponentChild } from "preact";

import { useObserved } from "../../observable.js";
import { strings } from "../../strings.js";
import { duration } from "../../units.js";
import { StartStop } from "../start_stop.js";
import { CHANNELS, counted, ENCODINGS, FORMATS, nameOf, RATES } from "./matrix.js";
import type { Tried } from "./matrix.js";
import { formatTest } from "./run.js";

const texts = strings.look.formats;

/** Tests which formats of audio the server understands. */
export function FormatsView(): ComponentChild {
  const { running, result } = useObserved(formatTest.test);
  const counts = counted(result);
  const others = counts.wrong + counts.refused + counts.failed;
  return (
    <>
      <p class="quiet">{texts.about("2.8 s")}</p>
      <StartStop of={formatTest} begun={result.size > 0}>
        <span role="status">
          {running && `${texts.progress(result.size, FORMATS.length)} · `}
          {result.size > 0 && texts.summary(counts.passed, others)}
        </span>
      </StartStop>
      {others > 0 && <p class="bad">{texts.remedy}</p>}
      <div class="scrolled" tabIndex={0} role="region" aria-label={texts.caption}>
        <table class="formats">
          <thead>
            <tr>
              <th scope="col">{texts.encoding}</th>
              {RATES.map((rate) => (
                <th scope="col">{texts.rate(rate)}</th>
              ))}
            </tr>
          </thead>
          {CHANNELS.map((channels) => (
            <tbody key={channels}>
              <tr>
                <th scope="rowgroup" colSpan={RATES.length + 1}>
                  {texts.channels(channels)}
                </th>
              </tr>
              {ENCODINGS.map((encoding) => (
                <tr key={encoding}>
                  <th scope="row">
                    <code>{encoding}</code>
                  </th>
                  {RATES.map((sample_rate) => (
                    <Cell
                      key={sample_rate}
                      tried={result.get(nameOf({ encoding, sample_rate, channels }))}
                    />
                  ))}
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </div>
    </>
  );
}

function Cell({ tried }: { tried: Tried | undefined }): ComponentChild {
  if (!tried) return <td class="quiet">–</td>;
  return (
    <td class={tried.state} title={tried.said}>
      <span class="standing">{texts.states[tried.state]}</span>
      {tried.seconds !== null && ` ${duration(tried.seconds)}`}
      {tried.of > 0 && <small>{texts.words(tried.of - tried.wrong, tried.of)}</small>}
    </td>
  );
}
