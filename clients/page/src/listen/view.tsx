import type { ComponentChild } from "preact";

import { strings } from "../strings.js";
import { CallView } from "./call.js";
import { Chooser } from "./chooser.js";
import "./listen.css";

/** Reads a call of others; without one, names the call. */
export function ListenView({ call }: { call: string }): ComponentChild {
  return (
    <section class="listen" aria-label={strings.views.listen}>
      {call ? <CallView call={call} /> : <Chooser />}
    </section>
  );
}
