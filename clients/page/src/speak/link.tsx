import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";

import { hashOf, parseRoute } from "../route.js";
import { strings } from "../strings.js";
import { copyText } from "./copying.js";
import { type Settings, writeQuery } from "./settings.js";

const texts = strings.speak.options;

function hashWith(settings: Settings): string {
  const query = writeQuery(settings);
  return `${hashOf("speak")}${query && `?${query}`}`;
}

/** Keeps the options in the address of this view, so that it can be kept, sent and opened again. */
export function useAddress(settings: Settings): void {
  const wanted = hashWith(settings);
  useEffect(() => {
    const write = (): void => {
      const shown = location.hash || hashOf("speak");
      if (parseRoute(shown).view === "speak" && shown !== wanted) {
        history.replaceState(null, "", wanted);
      }
    };
    write();
    addEventListener("hashchange", write);
    return () => removeEventListener("hashchange", write);
  }, [wanted]);
}

/** Copies the address with these options. */
export function Link({ settings }: { settings: Settings }): ComponentChild {
  const [said, setSaid] = useState("");
  const copy = (): void => {
    const link = location.origin + location.pathname + hashWith(settings);
    const { linkCopied } = texts;
    const { notCopied } = strings.speak.transcript;
    copyText(link).then(() => setSaid(linkCopied), () => setSaid(notCopied));
  };
  return (
    <div class="row link">
      <span class="note" role="status">{said}</span>
      <button onClick={copy}>{texts.link}</button>
    </div>
  );
}

/** Says what was wrong with the address that was opened. */
export function Ignored({ names }: { names: readonly string[] }): ComponentChild {
  return names.length > 0 && <p class="notice" role="status">{texts.ignored(names.join(", "))}</p>;
}
