import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";

import { copied } from "../copying.js";
import { hashOf } from "../route.js";
import { address, ask } from "../server.js";
import { FORMATS, type Format, saveTranscript } from "../saving.js";
import { strings } from "../strings.js";

const texts = strings.listen.take;

/** What can be taken along: the transcript, and links to this call. */
export function Taking({ call }: { call: string }): ComponentChild {
  const [said, setSaid] = useState("");
  const copyTranscript = async (): Promise<void> => {
    const { status, body } = await ask(`v1/sessions/${encodeURIComponent(call)}/transcript?format=txt`);
    if (status !== 200) return setSaid(texts.transcript);
    setSaid((await copied(String(body))) ? texts.copied : texts.failed);
  };
  const copyLink = async (): Promise<void> => {
    setSaid((await copied(address("./") + hashOf("listen", call))) ? texts.copied : texts.failed);
  };
  const save = (format: Format): void => {
    setSaid("");
    saveTranscript(call, format, call).catch((error: Error) => setSaid(texts.notSaved(error.message)));
  };
  return (
    <div class="taking">
      <button onClick={() => void copyTranscript()}>{texts.copy}</button>
      <button onClick={() => void copyLink()}>{texts.link}</button>
      <span class="downloads">
        {texts.download}{" "}
        {FORMATS.map((form) => (
          <button onClick={() => save(form)}>{form}</button>
        ))}
      </span>
      <a href={hashOf("look", call)}>{texts.trace}</a>
      <span role="status">{said}</span>
    </div>
  );
}
