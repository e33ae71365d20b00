import { render } from "preact";

import { begin } from "./access/asking.js";
import { watchCalls } from "./access/watching.js";
import { App } from "./app.js";

const root = document.getElementById("page");
if (root) render(<App />, root);
watchCalls();
void begin();
