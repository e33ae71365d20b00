import type { ComponentChild } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { copied } from "../../copying.js";
import { useObserved } from "../../observable.js";
import { strings } from "../../strings.js";
import { bytes } from "../../units.js";
import type { Line } from "./log.js";
import { recorded } from "./recorder.js";

const texts = strings.look.messages;
/** Lines that are shown; the log keeps more, for its copy and for reports. */
const MOST_SHOWN = 500;

/** The messages of this tab's call as they pass. */
export function MessagesView(): ComponentChild {
  const { log } = useObserved(recorded);
  const [type, setType] = useState("");
  const [held, setHeld] = useState<readonly Line[] | null>(null);
  const [said, setSaid] = useState("");
  const all = held ?? [...log.lines];
  const shown = all.filter((line) => !type || line.type === type);
  const types = [...new Set(all.map((line) => line.type))].sort();
  const copy = async (): Promise<void> => {
    const text = shown
      .map((line) => `${timeOf(line)} ${line.direction} ${contentOf(line)}\n`)
      .join("");
    setSaid((await copied(text)) ? texts.copied : texts.failed);
  };
  return (
    <>
      <p class="quiet">{texts.about}</p>
      <p class="start">
        <label>
          {texts.filter}{" "}
          <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
            <option value="">{texts.all}</option>
            {types.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <button onClick={() => setHeld(held ? null : [...log.lines])}>
          {held ? texts.goOn : texts.pause}
        </button>
        <button disabled={!shown.length} onClick={() => void copy()}>
          {texts.copy}
        </button>
        <span class="quiet">
          {texts.shown(shown.length)}
          {log.dropped > 0 && ` · ${texts.dropped(log.dropped)}`}
        </span>
        <span role="status">{said}</span>
      </p>
      {all.length ? <Lines lines={shown.slice(-MOST_SHOWN)} /> : <p class="quiet">{texts.none}</p>}
    </>
  );
}

function Lines({ lines }: { lines: readonly Line[] }): ComponentChild {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const onScroll = (event: Event): void => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget as Element;
    atEnd.current = scrollHeight - clientHeight - scrollTop < 24;
  };
  return (
    <div
      class="messages"
      tabIndex={0}
      role="region"
      aria-label={texts.region}
      ref={box}
      onScroll={onScroll}
    >
      <ol>
        {lines.map((line) => (
          <li key={line.number} class={line.direction}>
            <time>{timeOf(line)}</time>
            <span aria-hidden="true">{line.direction === "in" ? "←" : "→"}</span>
            <span class="sr-only">{texts.directions[line.direction]}</span>
            <code>{contentOf(line)}</code>
          </li>
        ))}
      </ol>
    </div>
  );
}

function contentOf(line: Line): string {
  return line.type === "audio" && !line.text
    ? texts.audio(line.count, bytes(line.bytes))
    : line.text;
}

function timeOf({ at }: Line): string {
  return new Date(at).toISOString().slice(11, 23);
}
