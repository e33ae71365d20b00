import type { ComponentChild } from "preact";

import { may } from "../access/access.js";
import { useObserved } from "../observable.js";
import { strings } from "../strings.js";
import type { Runner } from "./runner.js";

const texts = strings.look.run;

/** The button that starts a test or stops it, and why it could not go on. */
export function StartStop({
  of,
  begun,
  onStart,
  children,
}: {
  of: Runner<unknown>;
  /** Whether there are results already. */
  begun: boolean;
  /** In place of starting it immediately. */
  onStart?: () => void;
  children?: ComponentChild;
}): ComponentChild {
  const { running, failure } = useObserved(of.test);
  return (
    <p class="start">
      {running ? (
        <button onClick={() => of.stop()}>{texts.stop}</button>
      ) : (
        <button
          class="primary"
          disabled={!may("transcribe")}
          onClick={onStart ?? (() => of.start())}
        >
          {begun ? texts.again : texts.start}
        </button>
      )}
      {children}
      {!may("transcribe") && <span>{strings.access.lacks.transcribe}</span>}
      {failure && (
        <span class="bad" role="alert">
          {texts.failed(failure)}
        </span>
      )}
    </p>
  );
}
