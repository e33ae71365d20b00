import type { ComponentChild } from "preact";

import { access } from "./access/access.js";
import { ForgetKey, KeyForm } from "./access/view.js";
import { ListenView } from "./listen/view.js";
import { LookView } from "./look/view.js";
import { useObserved } from "./observable.js";
import { hashOf, useRoute, VIEWS } from "./route.js";
import { SpeakView } from "./speak/view.js";
import { strings } from "./strings.js";
import { ThemeChoice } from "./theme.js";

/** The whole page: its head, and the view that the address names. */
export function App(): ComponentChild {
  const { view, call } = useRoute();
  const { admitted, turn } = useObserved(access);
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
        <ForgetKey />
        <ThemeChoice />
      </header>
      <main id="main" tabIndex={-1}>
        <KeyForm />
        {/* A call goes on while another view is looked at, so this one is never unmounted. */}
        {admitted && <div hidden={view !== "speak"}><SpeakView /></div>}
        {admitted && view === "listen" && <ListenView key={`${turn} ${call}`} call={call} />}
        {admitted && view === "look" && <LookView key={turn} call={call} />}
      </main>
    </>
  );
}

function focusMain(event: Event): void {
  event.preventDefault(); // the hash names the view
  document.getElementById("main")?.focus();
}
