import type { ComponentChild } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { strings } from "../strings.js";
import { hashOf } from "../route.js";
import { FORMATS, type Format, saveTranscript } from "../saving.js";
import { copyText } from "./copying.js";
import type { Shown } from "./speaking.js";
import { plainText, type Transcript } from "./transcript.js";
import { Line } from "./turns.js";

const texts = strings.speak.transcript;
/** So near to the end the list follows what is added, px. */
const NEAR = 40;

interface Props {
  shown: Shown;
  onClear: () => void;
}

/** What was said: finished turns, then the open ones. */
export function TranscriptPanel({ shown, onClear }: Props): ComponentChild {
  const { transcript, earlier, state } = shown;
  const calls = [...earlier, transcript];
  const empty = calls.every(({ items, open }) => !items.length && !open.length);
  const list = useFollowing(transcript);
  return (
    <section class="transcript" aria-labelledby="transcript-heading">
      <div class="row heading">
        <h3 id="transcript-heading">{texts.heading}</h3>
        <Tools shown={shown} calls={calls} empty={empty} onClear={onClear} />
      </div>
      <div ref={list} class="scroll" tabIndex={0} role="group" aria-label={texts.list}>
        {empty && <p class="note">{state === "open" ? texts.listening : texts.empty}</p>}
        {calls.map((call, number) => (
          <Call key={number} call={call}
            heading={number < earlier.length ? texts.earlier(number + 1) : ""} />
        ))}
      </div>
      <Announced transcript={transcript} />
    </section>
  );
}

function Call({ call, heading }: { call: Transcript; heading: string }): ComponentChild {
  const lines = [...call.items, ...call.open];
  return (
    <>
      {heading && <h4>{heading}</h4>}
      {lines.length > 0 && <ol>{lines.map((item) => <Line key={item.key} item={item} />)}</ol>}
    </>
  );
}

/** Tells a screen reader the newest final, and nothing that may still change. */
function Announced({ transcript }: { transcript: Transcript }): ComponentChild {
  const [text, setText] = useState("");
  const told = useRef(new Set<string>());
  useEffect(() => {
    const turns = transcript.items.filter((each) => each.kind === "turn");
    const fresh = turns.filter((each) => !told.current.has(each.key));
    told.current = new Set(turns.map((each) => each.key));
    if (fresh.length) setText(plainText({ items: fresh }));
  }, [transcript.items]);
  return <div class="sr-only announced" aria-live="polite">{text}</div>;
}

/** Keeps the end of the list in sight, unless somebody has scrolled back. */
function useFollowing(transcript: Transcript): { current: HTMLDivElement | null } {
  const list = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  useEffect(() => {
    const element = list.current;
    const scrolled = (): void => {
      if (!element) return;
      const left = element.scrollHeight - element.scrollTop - element.clientHeight;
      following.current = left < NEAR;
    };
    element?.addEventListener("scroll", scrolled, { passive: true });
    return () => element?.removeEventListener("scroll", scrolled);
  }, []);
  useLayoutEffect(() => {
    if (following.current) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [transcript]);
  return list;
}

interface ToolsProps extends Props {
  calls: readonly Transcript[];
  empty: boolean;
}

function Tools({ shown, calls, empty, onClear }: ToolsProps): ComponentChild {
  const id = useId();
  const [said, setSaid] = useState("");
  const [format, setFormat] = useState<Format>("txt");
  const { sessionId, transcript } = shown;
  const copy = (): void => {
    const text = calls.map(plainText).filter((each) => each).join("\n\n");
    copyText(text).then(() => setSaid(texts.copied), () => setSaid(texts.notCopied));
  };
  const save = (): void => {
    setSaid("");
    const failed = (error: Error): void => setSaid(texts.notSaved(error.message));
    saveTranscript(sessionId, format, sessionId.slice(0, 8)).catch(failed);
  };
  const none = !sessionId || !transcript.items.length;
  return (
    <div class="row tools">
      <span class="said-of" role="status">{said}</span>
      <button onClick={copy} disabled={empty}>{texts.copy}</button>
      <label class="sr-only" for={id}>{texts.download}</label>
      <select id={id} value={format} disabled={none}
        onChange={(event) => setFormat(event.currentTarget.value as Format)}>
        {FORMATS.map((each) => <option key={each} value={each}>{each}</option>)}
      </select>
      <button onClick={save} disabled={none}>{texts.save}</button>
      <button onClick={onClear} disabled={empty}>{texts.clear}</button>
      {sessionId && <a href={hashOf("listen", sessionId)}>{texts.listen}</a>}
    </div>
  );
}
