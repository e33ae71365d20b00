/** Texts of the Look view. */
export const look = {
  tabs: {
    label: "What to look at",
    names: {
      connection: "Connection",
      formats: "Audio formats",
      messages: "Messages",
      trace: "Trace",
      load: "Load",
      report: "Report",
    },
  },
  run: {
    start: "Start",
    again: "Start again",
    stop: "Stop",
    failed: (why: string) => `It could not go on: ${why}`,
  },
  health: {
    title: "Health",
    asking: "Asking the server…",
    ready: "The server takes calls.",
    unready: (reason: string) => `The server takes no calls: ${reason}.`,
    remedies: {
      draining:
        "It is being restarted. Another gateway takes calls meanwhile, or this one in a moment.",
      "Redis is away": "Start Redis, or look at its log. Calls in progress wait for it.",
      worker: "Start the workers that are missing, or look at their logs.",
    },
    unreachable:
      "The server does not answer. It is asked again every 2 s. Look whether it runs and whether this computer has a network.",
    stale: (time: string) => `What follows is what it said at ${time}.`,
    withheld: {
      scope: "Workers, places and refusals are shown with a key of the scope admin.",
      port: "Workers, places and refusals are shown at the port for operators only (--admin-port).",
    },
    stages: "Stages",
    columns: {
      stage: "Stage",
      workers: "Workers",
      used: "In use",
      slots: "Places",
      state: "State",
    },
    states: {
      ready: "ready",
      full: "full: calls wait or are refused",
      missing: "no worker: no calls",
      absent: "no worker: calls do without",
    },
    version: "Version",
    calls: "Calls",
    of: (used: number, most: number) => `${used} of at most ${most}`,
    memory: "Memory of the gateway",
    age: "Running for",
    finals: "Final after the endpoint",
    finalsHint: "mean since it began",
    refusals: "Refused calls",
    noRefusals: "No call was refused since this gateway began.",
    refused: { reason: "Reason", recent: "Last minute", all: "Since it began" },
  },
  connection: {
    about:
      "Tests every part of the way from this browser to a transcript, and stops at the first that fails. It makes three short calls.",
    columns: { step: "Step", state: "Result", time: "Time", said: "What it means" },
    steps: {
      http: "Request and answer",
      ready: "Ready for calls",
      websocket: "WebSocket handshake",
      call: "Opening a call",
      pipeline: "Through the whole server",
      speech: "A sentence transcribed",
    },
    means: {
      http: "one round trip of the network, and the gateway's answer",
      ready: "the server has what calls need",
      websocket: "the way is open for WebSockets",
      call: "from connecting until the server had opened a call",
      pipeline: "a flush, answered by gateway, Redis, speech detector and recogniser",
      speech: "from the audio that decided the end of the sentence to its text",
    },
    words: (said: string) => `words heard: ${said}`,
    slowest: (time: string) => `slowest ${time}`,
    remedies: {
      http: "The server does not answer plain requests. Look whether it runs, at this address, and whether a proxy stands between.",
      ready: "Start what is missing; the reason names it.",
      websocket:
        "Requests work and WebSockets do not: usually a proxy that does not pass Upgrade headers on. docs/troubleshooting.md says what to do.",
      call: "The server refused the call or did not open it. Health above has the reason of refusals.",
      pipeline:
        "The call opened and no answer came: a worker or Redis is stuck. Look at Health, then at the workers' logs.",
      speech:
        "The call works and the words are wrong or late. Look at Trace for where the time goes, and at the recogniser's model and log.",
    },
    states: {
      waiting: "–",
      running: "running…",
      passed: "✓ works",
      failed: "✗ failed",
      skipped: "not tried",
    },
  },
  formats: {
    about: (seconds: string) =>
      `Sends a sentence of ${seconds} from the project's sample call in 40 formats, one call after the other. With two channels the first one is silent. A format works when at most a third of the words differ.`,
    progress: (done: number, all: number) => `${done} of ${all}`,
    summary: (passed: number, other: number) =>
      other ? `${passed} work, ${other} do not` : `${passed} work`,
    encoding: "Encoding",
    channels: (count: number) => (count === 1 ? "1 channel" : "2 channels"),
    rate: (hertz: number) => `${hertz / 1000} kHz`,
    words: (right: number, of: number) => `${right}/${of} words`,
    states: { passed: "✓", wrong: "✗ other words", refused: "refused", failed: "✗ failed" },
    remedy:
      "Point at a cell for what was heard or why it failed. Refused calls were tried 5 times: Health above has the reason.",
    caption: "Result and time of every format",
  },
  messages: {
    about:
      "What passes between this tab and the server in the call of the Speak view. Tokens are hidden, audio is summed up.",
    none: "No message yet. Start a call in Speak, then come back.",
    filter: "Show",
    all: "all types",
    pause: "Pause",
    goOn: "Go on",
    copy: "Copy all shown",
    copied: "Copied",
    failed: "The browser did not let this page copy. Save a report with its words instead.",
    dropped: (count: number) => `${count} older ones were dropped`,
    shown: (count: number) => `${count} shown`,
    audio: (count: number, size: string) => `${count} × audio, ${size}`,
    region: "Messages",
    directions: { in: "from the server", out: "to the server" },
    columns: { time: "Time", direction: "Direction", message: "Message" },
  },
  trace: {
    about:
      "Where the time went, from the end of speech to each final of a call. It holds no word that was said.",
    field: "Call",
    hint: "A session id, conversation id or name. Empty: this tab's own call.",
    go: "Show",
    silence: "With the wait for silence",
    unknown: (call: string) => `No call is known by “${call}”, or it was over for too long.`,
    none: "Name a call, or start one in Speak.",
    unreachable: "The server does not answer. Try again when Health above says that it does.",
    old: "This server keeps no traces: it is older than this page.",
    empty: "No final has been sent in this call yet.",
    slowest: (part: string, share: string) => `Most of the time: ${part}, ${share} of it.`,
    columns: { final: "Final", bar: "Time", total: "Total", slowest: "Slowest part" },
    final: (role: string, utterance: number) => `${role} ${utterance}`,
    untold: "not known",
    newest: (count: number) => `the newest ${count} finals`,
    parts: {
      silence: "waiting for silence",
      store: "storing",
      denoise: "denoising",
      hear: "reaching the speech detector",
      decide: "deciding the end",
      queue: "waiting for the recogniser",
      decode: "recognising",
      commit: "writing the transcript",
      send: "sending",
    },
  },
  load: {
    warning: "This is load on a live system: other callers may be refused or wait meanwhile.",
    about:
      "Makes calls beside each other at the pace of speech. It ends by itself, with Stop, and when you leave this view.",
    calls: "Calls at a time",
    seconds: "Seconds",
    confirm: (calls: number, seconds: number, origin: string) =>
      `Load ${origin} with ${calls} calls for ${seconds} s?`,
    yes: "Yes, load it",
    no: "No",
    columns: {
      made: "Calls made",
      refused: "Refused",
      failed: "Failed",
      p50: "Final, half",
      p95: "Final, 95 %",
      finals: "Finals",
    },
    hint: "Time of a final: from the audio that decided the end of the sentence to its text.",
    last: (why: string) =>
      `The last one that failed: ${why}. Health above has the reasons of refusals.`,
    progress: (passed: number, all: number) => `${passed} of ${all} s`,
  },
  report: {
    about:
      "A file for whoever helps you: versions, health, the results above, and the messages of this tab's call.",
    words: "Include what was said, written and named",
    without:
      "Without it no text, keyword, context, label or name is in the file; tokens never are.",
    save: "Save a report for support",
    saved: "Saved to your downloads.",
  },
} as const;
