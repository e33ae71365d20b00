import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";

import { strings } from "../strings.js";
import { connectionTest } from "./connection/run.js";
import { ConnectionView } from "./connection/view.js";
import { formatTest } from "./formats/run.js";
import { FormatsView } from "./formats/view.js";
import { HealthView } from "./health/view.js";
import { loadTest } from "./load/run.js";
import { LoadView } from "./load/view.js";
import { MessagesView } from "./messages/view.js";
import { ReportView } from "./report/view.js";
import { Tabs } from "./tabs.js";
import { TraceView } from "./trace/view.js";
import "./look.css";

type Tab = keyof typeof strings.look.tabs.names;

/** For who wants to know why it does not work, or is slow. `call`: the one to trace, or "". */
export function LookView({ call }: { call: string }): ComponentChild {
  const [tab, setTab] = useState<Tab>(call ? "trace" : "connection");
  useEffect(() => {
    if (call) setTab("trace");
  }, [call]);
  useEffect(() => () => [connectionTest, formatTest, loadTest].forEach((each) => each.stop()), []);
  const panel = (shown: Tab): ComponentChild => {
    switch (shown) {
      case "connection":
        return <ConnectionView />;
      case "formats":
        return <FormatsView />;
      case "messages":
        return <MessagesView />;
      case "trace":
        return <TraceView call={call} />;
      case "load":
        return <LoadView />;
      case "report":
        return <ReportView />;
    }
  };
  const { label, names } = strings.look.tabs;
  return (
    <section class="look" aria-label={strings.views.look}>
      <HealthView />
      <Tabs<Tab>
        label={label}
        names={names}
        chosen={tab}
        onChoose={(next) => setTab(next)}
        panel={panel}
      />
    </section>
  );
}
