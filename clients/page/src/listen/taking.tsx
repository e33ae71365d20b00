import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";

import { copied } from "../copying.js";
import { hashOf } from "../route.js";
import { address, ask } from "../server.js";
import { strings } from "../strings.js";

const texts = strings.listen.take;
const FORMATS = ["txt", "json", "srt", "vtt"] as const;

/** What can be taken along: the transcript, and links to this call. */
export function Taking({ call }: { call: string }): ComponentChild {
  const [said, setSaid] = useState("");
  const path = `v1/sessions/${encodeURIComponent(call)}/transcript?format=`;
  const copyTranscript = async (): Promise<void> => {
    const { status, body } = await ask(`${path}txt`);
    if (status !== 200) return setSaid(texts.transcript);
    setSaid((await copied(String(body))) ? texts.copied : texts.failed);
  };
  const copyLink = async (): Promise<void> => {
    setSaid((await copied(address("./") + hashOf("listen", call))) ? texts.copied : texts.failed);
  };
  return (
    <div class="taking">
      <button onClick={() => void copyTranscript()}>{texts.copy}</button>
      <button onClick={() => void copyLink()}>{texts.link}</button>
      <span class="downloads">
        {texts.download}{" "}
        {FORMATS.map((form) => (
          <a href={address(path + form)} download={`${call}.${form}`}>
            {form}
          </a>
        ))}
      </span>
      <a href={hashOf("look", call)}>{texts.trace}</a>
      <span role="status">{said}</span>
    </div>
  );
}
