import type { ComponentChild } from "preact";

import { strings } from "../strings.js";

const texts = strings.listen.find;

/** The field that finds a text; Enter goes on to the next place, with Shift to the previous one. */
export function Finder({
  wanted,
  current,
  count,
  onWanted,
  onStep,
}: {
  wanted: string;
  /** The place that the reader is at, from 0; -1 for none. */
  current: number;
  count: number;
  onWanted(text: string): void;
  onStep(by: 1 | -1): void;
}): ComponentChild {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter") onStep(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") onWanted("");
  };
  return (
    <search class="finder">
      <input
        type="search"
        aria-label={texts.label}
        placeholder={texts.label}
        value={wanted}
        onInput={(event) => onWanted(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {wanted.trim() && (
        <>
          <span role="status">{texts.count(current + 1, count)}</span>
          <button aria-label={texts.previous} disabled={!count} onClick={() => onStep(-1)}>
            ↑
          </button>
          <button aria-label={texts.next} disabled={!count} onClick={() => onStep(1)}>
            ↓
          </button>
        </>
      )}
    </search>
  );
}
