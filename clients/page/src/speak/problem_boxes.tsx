import type { ErrorMessage } from "callscribe";
import type { ComponentChild } from "preact";

import { strings } from "../strings.js";
import { problemOf, warningText } from "./problems.js";
import type { Shown } from "./speaking.js";

const texts = strings.speak;

interface FailureProps {
  failure: NonNullable<Shown["failure"]>;
  onAgain: () => void;
}

/** What ended the call, what to do about it, and the way on. */
export function Failure({ failure, onAgain }: FailureProps): ComponentChild {
  const { what, todo, detail } = problemOf(failure);
  return (
    <div class="failure" role="alert" data-code={failure.code}>
      <p><strong>{what}</strong></p>
      <p>{todo}</p>
      {detail && (
        <details>
          <summary>{texts.details}</summary>
          <p>{detail} ({failure.code})</p>
        </details>
      )}
      <button class="primary" onClick={onAgain}>{texts.actions.again}</button>
    </div>
  );
}

interface WarningsProps {
  warnings: readonly ErrorMessage[];
  onDismiss: (warning: ErrorMessage) => void;
}

/** What the server warned of while the call goes on. */
export function Warnings({ warnings, onDismiss }: WarningsProps): ComponentChild {
  if (!warnings.length) return null;
  return (
    <ul class="warnings" aria-label={texts.warnings.heading}>
      {warnings.map((each, number) => (
        <li key={number} class="notice" role="alert">
          {warningText(each)}
          <button onClick={() => onDismiss(each)}>{texts.warnings.dismiss}</button>
        </li>
      ))}
    </ul>
  );
}
