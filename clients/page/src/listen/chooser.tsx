import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";

import { may } from "../access/access.js";
import { hashOf } from "../route.js";
import { ask } from "../server.js";
import { strings } from "../strings.js";
import { grouped } from "./running.js";
import type { RunningCall } from "./running.js";

const texts = strings.listen.choose;
const LOOK_AGAIN_MS = 2_000;

type Listed = "asking" | "withheld" | "denied" | "unreachable" | readonly RunningCall[];

/** Names a call, or picks one of those that run. */
export function Chooser(): ComponentChild {
  const [name, setName] = useState("");
  const listed = useRunning();
  const go = (event: Event): void => {
    event.preventDefault();
    if (name.trim()) location.hash = hashOf("listen", name.trim());
  };
  return (
    <>
      <h2>{texts.title}</h2>
      <form class="choose" onSubmit={go}>
        <label for="call-name">{texts.field}</label>
        <input
          id="call-name"
          value={name}
          aria-describedby="call-hint"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button class="primary" disabled={!name.trim()}>
          {texts.go}
        </button>
        <p id="call-hint" class="quiet">
          {texts.hint}
        </p>
      </form>
      <Running listed={listed} />
    </>
  );
}

function Running({ listed }: { listed: Listed }): ComponentChild {
  if (listed === "asking") return null;
  if (typeof listed === "string")
    return (
      <p class="quiet" role="status">
        {texts[listed]}
      </p>
    );
  return (
    <section aria-labelledby="running">
      <h3 id="running">{texts.running}</h3>
      {listed.length === 0 && <p class="quiet">{texts.none}</p>}
      {listed.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.columns.call}</th>
              <th scope="col">{texts.columns.legs}</th>
              <th scope="col">{texts.columns.began}</th>
            </tr>
          </thead>
          <tbody>
            {listed.map((call) => (
              <RunningRow key={call.name} call={call} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function RunningRow({ call }: { call: RunningCall }): ComponentChild {
  const legs = call.labels.length ? call.labels.join(", ") : texts.legs(call.channels);
  return (
    <tr>
      <td class="call-name">
        <a href={hashOf("listen", call.name)}>{call.name}</a>
        {call.sessions > 1 && <span class="quiet"> {texts.calls(call.sessions)}</span>}
      </td>
      <td>{legs}</td>
      <td>{new Date(call.started * 1000).toLocaleTimeString()}</td>
    </tr>
  );
}

function useRunning(): Listed {
  const [listed, setListed] = useState<Listed>("asking");
  useEffect(() => {
    const ending = new AbortController();
    const look = async (): Promise<void> => {
      for (; !ending.signal.aborted; await pause()) {
        if (!may("read")) return setListed("withheld");
        const { status, body } = await ask("v1/sessions", { signal: ending.signal });
        if (status === 401 || status === 403) return setListed("withheld");
        if (status === 404) return setListed("denied");
        setListed(status === 200 ? grouped(body) : "unreachable");
      }
    };
    look().catch(() => undefined); // it was ended
    return () => ending.abort();
  }, []);
  return listed;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
}
