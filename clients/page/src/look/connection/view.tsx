import type { ComponentChild } from "preact";

import { useObserved } from "../../observable.js";
import { strings } from "../../strings.js";
import { duration } from "../../units.js";
import { StartStop } from "../start_stop.js";
import { connectionTest } from "./run.js";
import type { Step } from "./steps.js";

const texts = strings.look.connection;

/** Tests the way to the server, part by part. */
export function ConnectionView(): ComponentChild {
  const { result } = useObserved(connectionTest.test);
  return (
    <>
      <p class="quiet">{texts.about}</p>
      <StartStop of={connectionTest} begun={result[0]?.state !== "waiting"} />
      <table class="wide">
        <thead>
          <tr>
            <th scope="col">{texts.columns.step}</th>
            <th scope="col">{texts.columns.state}</th>
            <th scope="col" class="number">
              {texts.columns.time}
            </th>
            <th scope="col">{texts.columns.said}</th>
          </tr>
        </thead>
        <tbody>
          {result.map((step) => (
            <StepRow key={step.name} step={step} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function StepRow({
  step: { name, state, seconds, slowest, said },
}: {
  step: Step;
}): ComponentChild {
  const words = name === "speech" && state === "passed" ? texts.words(said) : "";
  const more = slowest === null ? words : texts.slowest(duration(slowest));
  return (
    <tr class={`step ${state}`}>
      <th scope="row">{texts.steps[name]}</th>
      <td class="standing">{texts.states[state]}</td>
      <td class="number">{seconds !== null && duration(seconds)}</td>
      <td>
        {state === "failed" ? (
          <span class="bad">
            {said}. {texts.remedies[name]}
          </span>
        ) : (
          <span class="quiet">
            {texts.means[name]}
            {more && `; ${more}`}
          </span>
        )}
      </td>
    </tr>
  );
}
