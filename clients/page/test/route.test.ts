import { expect, test } from "vitest";

import { hashOf, parseRoute } from "../src/route.js";

test.each([
  ["", { view: "speak", call: "", query: "" }],
  ["#nowhere", { view: "speak", call: "", query: "" }],
  ["#speak?language=de&words=1", { view: "speak", call: "", query: "language=de&words=1" }],
  ["#listen", { view: "listen", call: "", query: "" }],
  ["#look/a%2Fb%20c", { view: "look", call: "a/b c", query: "" }],
  ["#listen/%", { view: "listen", call: "%", query: "" }],
])("%s", (hash, route) => {
  expect(parseRoute(hash)).toEqual(route);
});

test("the name of a call may hold anything", () => {
  const name = "ticket 7?a=1#b/c";
  expect(parseRoute(hashOf("listen", name))).toMatchObject({ view: "listen", call: name, query: "" });
});
