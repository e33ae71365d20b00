import { access } from "./strings/access.js";
import { listen } from "./strings/listen.js";
import { look } from "./strings/look.js";
import { speak } from "./strings/speak.js";

/** Every text of the page; a translation replaces this file and those of the views. */
export const strings = {
  name: "callscribe",
  skip: "Skip to the view",
  speaker: (number: number) => `speaker ${number}`,
  views: { speak: "Speak", listen: "Listen", look: "Look" },
  theme: { label: "Colours", auto: "auto", light: "light", dark: "dark" },
  access,
  listen,
  look,
  speak,
} as const;
