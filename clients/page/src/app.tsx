import type { ComponentChild } from "preact";

import { ListenView } from "./listen/view.js";
import { LookView } from "./look/view.js";
import { hashOf, useRoute, VIEWS } from "./route.js";
import { SpeakView } from "./speak/view.js";
import { strings } from "./strings.js";
import { ThemeChoice } from "./theme.js";

/** The whole page: its head, and the view that the address names. */
export function App(): ComponentChild {
  const { view, call } = useRoute();
  return (
    <>
      <a class="skip" href="#main" onClick={focusMain}>{strings.skip}</a>
      <header>
        <h1>{strings.name}</h1>
        <nav aria-label={strings.name}>
          {VIEWS.map((each) => (
            <a href={hashOf(each)} aria-current={each === view ? "page" : undefined}>
              {strings.views[each]}
            </a>
          ))}
        </nav>
        <ThemeChoice />
      </header>
      <main id="main" tabIndex={-1}>
        {/* A call goes on while another view is looked at, so this one is never unmounted. */}
        <div hidden={view !== "speak"}><SpeakView /></div>
        {view === "listen" && <ListenView key={call} call={call} />}
        {view === "look" && <LookView call={call} />}
      </main>
    </>
  );
}

function focusMain(event: Event): void {
  event.preventDefault(); // the hash names the view
  document.getElementById("main")?.focus();
}
