import type { ComponentChild } from "preact";
import { useId, useState } from "preact/hooks";

import { strings } from "../strings.js";
import { LONGEST, MOST_KEYWORDS } from "./settings.js";

const texts = strings.speak.options;

interface Props {
  keywords: readonly string[];
  refused: string | undefined;
  onKeywords: (keywords: readonly string[]) => void;
}

/** The words to expect, each with a button that removes it. */
export function Keywords({ keywords, refused, onKeywords }: Props): ComponentChild {
  const id = useId();
  const [draft, setDraft] = useState("");
  const [problem, setProblem] = useState("");
  const add = (event: Event): void => {
    event.preventDefault();
    const wrong = whyNot(keywords, draft.trim());
    setProblem(wrong);
    if (wrong) return;
    if (draft.trim() && !keywords.includes(draft.trim())) onKeywords([...keywords, draft.trim()]);
    setDraft("");
  };
  const said = problem || (refused ? texts.refused(refused) : "");
  return (
    <form class="control keywords" onSubmit={add}>
      <label for={id}>{texts.keywords}</label>
      <div class="row">
        <input id={id} type="text" autocomplete="off" value={draft} aria-invalid={problem !== ""}
          aria-describedby={`${id}-note`}
          onInput={(event) => setDraft(event.currentTarget.value)} />
        <button>{texts.addKeyword}</button>
      </div>
      <p id={`${id}-note`} class={said ? "note wrong" : "note"}>{said || texts.keywordsHint}</p>
      {keywords.length > 0 && (
        <ul class="chips">
          {keywords.map((each) => (
            <li key={each}>
              {each}
              <button type="button" aria-label={texts.removeKeyword(each)}
                onClick={() => onKeywords(keywords.filter((other) => other !== each))}>×</button>
            </li>
          ))}
        </ul>
      )}
    </form>
  );
}

function whyNot(keywords: readonly string[], keyword: string): string {
  if (keywords.length >= MOST_KEYWORDS) return texts.tooManyKeywords;
  return [...keyword].length > LONGEST.keyword ? texts.longKeyword : "";
}
