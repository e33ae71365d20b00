import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";

import { strings } from "./strings.js";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const KEY = "callscribe.theme";

/** The choice of colours, which the browser remembers. */
export function ThemeChoice(): ComponentChild {
  const [theme, setTheme] = useState<Theme>(remembered);
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
    localStorage.setItem(KEY, theme);
  }, [theme]);
  return (
    <label class="theme">
      <span class="sr-only">{strings.theme.label}</span>
      <select value={theme} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
        {THEMES.map((each) => <option value={each}>{strings.theme[each]}</option>)}
      </select>
    </label>
  );
}

function remembered(): Theme {
  const stored = localStorage.getItem(KEY);
  return THEMES.find((each) => each === stored) ?? "auto";
}
