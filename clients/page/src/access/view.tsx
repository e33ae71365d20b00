import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";

import { useObserved } from "../observable.js";
import { strings } from "../strings.js";
import { access, type Denial, forget } from "./access.js";
import { tryKey } from "./asking.js";
import "./access.css";

const texts = strings.access;

/** Asks for an API key, where the server wants one and there is none that counts. */
export function KeyForm(): ComponentChild {
  const { state, denial } = useObserved(access);
  const [key, setKey] = useState("");
  const [trying, setTrying] = useState(false);
  if (state !== "needed") return null;
  const submit = (event: Event): void => {
    event.preventDefault();
    setTrying(true);
    void tryKey(key.trim()).finally(() => {
      setTrying(false);
      setKey("");
      // The form is gone then, and with it the focus.
      if (access.value.state === "given") document.getElementById("main")?.focus();
    });
  };
  return (
    <form class="key" aria-labelledby="key-title" onSubmit={submit}>
      <h2 id="key-title">{texts.title}</h2>
      <p id="key-hint">{texts.hint}</p>
      {denial && <p class="problem" role="alert">{problemText(denial)}</p>}
      <label for="key">{texts.field}</label>
      <input
        id="key"
        type="password"
        value={key}
        autocomplete="off"
        spellcheck={false}
        aria-describedby="key-hint"
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <button class="primary" disabled={!key.trim() || trying}>{texts.use}</button>
    </form>
  );
}

/** Forgets the key that is in use. */
export function ForgetKey(): ComponentChild {
  const { state } = useObserved(access);
  if (state !== "given") return null;
  return <button class="forget" title={texts.forgetHint} onClick={forget}>{texts.forget}</button>;
}

function problemText({ code, message }: Denial): string {
  const { problems } = texts;
  if (code === "other" || !Object.hasOwn(problems, code)) return problems.other(message);
  return problems[code as Exclude<keyof typeof problems, "other">];
}
