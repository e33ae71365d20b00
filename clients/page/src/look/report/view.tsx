import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";

import { download } from "../../copying.js";
import { strings } from "../../strings.js";
import { connectionTest } from "../connection/run.js";
import { formatTest } from "../formats/run.js";
import { seen } from "../health/watch.js";
import { loadTest } from "../load/run.js";
import { recorded } from "../messages/recorder.js";
import { lastTrace } from "../trace/view.js";
import { report } from "./report.js";

const texts = strings.look.report;

/** Saves what this page knows as a file. */
export function ReportView(): ComponentChild {
  const [words, setWords] = useState(false);
  const [said, setSaid] = useState("");
  const save = (): void => {
    const at = Date.now();
    const facts = {
      origin: location.origin,
      browser: navigator.userAgent,
      at,
      seen: seen.value,
      connection: connectionTest.test.value.result,
      formats: formatTest.test.value.result,
      load: loadTest.test.value.result,
      trace: lastTrace.value,
      log: recorded.value.log,
    };
    const time = new Date(at).toISOString().slice(0, 19).replaceAll(":", "");
    const name = `callscribe-report-${time}.json`;
    download(name, JSON.stringify(report(facts, words), null, 2), "application/json");
    setSaid(texts.saved);
  };
  return (
    <>
      <p class="quiet">{texts.about}</p>
      <p>
        <label>
          <input
            type="checkbox"
            checked={words}
            onChange={(event) => setWords(event.currentTarget.checked)}
          />{" "}
          {texts.words}
        </label>
        <br />
        <span class="quiet">{texts.without}</span>
      </p>
      <p class="start">
        <button class="primary" onClick={save}>
          {texts.save}
        </button>
        <span role="status">{said}</span>
      </p>
    </>
  );
}
