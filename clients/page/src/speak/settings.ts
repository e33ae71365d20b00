import type { CallOptions, ChangeableOptions } from "callscribe";

/** What a call is opened with, as the form and the address have it. */
export interface Settings {
  source: "microphone" | "file";
  channels: 1 | 2;
  labels: readonly string[];
  /** A file is sent at its own pace, not as fast as possible. */
  paced: boolean;
  /** The browser removes echo and noise of the microphone and levels it. */
  processing: boolean;
  language: string;
  context: string;
  keywords: readonly string[];
  keyword_distance: number;
  /** Here and below null leaves the value to the server. */
  vad_threshold: number | null;
  silence_threshold: number | null;
  min_speech_duration: number | null;
  max_utterance: number | null;
  words: boolean;
  diarize: boolean;
  interim_results: boolean;
  denoise: boolean | null;
  post_filter: boolean | null;
  attenuation_limit: number | null;
  conversation_id: string;
}
export type SettingName = keyof Settings;

/** A range of numbers, both ends included; `usual` is a server's value unless it is set. */
export interface Range {
  low: number;
  high: number;
  step: number;
  unit: string;
  usual: number | null;
}

export const RANGES = {
  keyword_distance: { low: 0, high: 2, step: 1, unit: "", usual: 0 },
  vad_threshold: { low: 0, high: 1, step: 0.05, unit: "", usual: 0.5 },
  silence_threshold: { low: 0.01, high: 60, step: 0.1, unit: "s", usual: 0.8 },
  min_speech_duration: { low: 0.01, high: 60, step: 0.05, unit: "s", usual: 0.2 },
  max_utterance: { low: 2, high: 300, step: 1, unit: "s", usual: 30 },
  attenuation_limit: { low: 0, high: 100, step: 1, unit: "dB", usual: null },
} as const satisfies Partial<Record<SettingName, Range>>;
export type NumberName = keyof typeof RANGES;

export const LONGEST = {
  language: 64, label: 128, keyword: 100, context: 10_000, conversation: 128,
};
export const MOST_KEYWORDS = 100;

/** Options that take effect in a running call. */
export const CHANGEABLE = [
  "language", "context", "keywords", "keyword_distance", "vad_threshold", "silence_threshold",
  "min_speech_duration", "max_utterance", "words", "interim_results", "denoise",
] as const satisfies readonly SettingName[];
export type ChangeableName = (typeof CHANGEABLE)[number];

export function isChangeable(name: SettingName): name is ChangeableName {
  return CHANGEABLE.some((each) => each === name);
}

interface Field<T> {
  usual: T;
  /** Returns the value that these texts of the address stand for; undefined when they are wrong. */
  read: (texts: readonly string[]) => T | undefined;
  write: (value: T) => readonly string[];
}

/** Every setting: its value where nothing is said, and how the address spells it. */
const FIELDS: { readonly [K in SettingName]: Field<Settings[K]> } = {
  source: oneOf(["microphone", "file"]),
  channels: { ...oneOf(["1", "2"]), usual: 1, read: readChannels, write: (value) => [`${value}`] },
  labels: { usual: ["agent", "customer"], read: readLabels, write: (value) => value },
  paced: flag(true),
  processing: flag(false),
  language: text(LONGEST.language),
  context: text(LONGEST.context),
  keywords: { usual: [], read: readKeywords, write: (value) => value },
  keyword_distance: { ...number("keyword_distance"), usual: 0, read: readDistance },
  vad_threshold: number("vad_threshold"),
  silence_threshold: number("silence_threshold"),
  min_speech_duration: number("min_speech_duration"),
  max_utterance: number("max_utterance"),
  words: flag(false),
  diarize: flag(false),
  interim_results: flag(true),
  denoise: choice(),
  post_filter: choice(),
  attenuation_limit: number("attenuation_limit"),
  conversation_id: text(LONGEST.conversation),
};
const NAMES = Object.keys(FIELDS) as SettingName[];

export function usualSettings(): Settings {
  const entries = NAMES.map((name) => [name, FIELDS[name].usual]);
  return Object.fromEntries(entries) as unknown as Settings;
}

/** Reads an address's query; `ignored` names what it has that no call can have. */
export function readQuery(query: string): { settings: Settings; ignored: string[] } {
  const given = new URLSearchParams(query);
  const settings = usualSettings();
  const ignored: string[] = [];
  for (const name of new Set(given.keys())) {
    if (!isName(name) || !put(settings, name, given.getAll(name))) ignored.push(name);
  }
  if (contradiction(settings)) {
    settings.min_speech_duration = settings.max_utterance = null;
    ignored.push("min_speech_duration", "max_utterance");
  }
  return { settings, ignored };
}

/** The query of an address with these settings, without "?"; only what is not usual. */
export function writeQuery(settings: Settings): string {
  const query = new URLSearchParams();
  for (const name of NAMES) {
    const texts = written(settings, name);
    if (texts.join("\n") === written(usualSettings(), name).join("\n")) continue;
    for (const each of texts.length ? texts : [""]) query.append(name, each);
  }
  return query.toString();
}

/** Whether the two lengths of speech cannot both hold. */
export function contradiction(settings: Settings): boolean {
  const least = settings.min_speech_duration ?? RANGES.min_speech_duration.usual;
  return least >= (settings.max_utterance ?? RANGES.max_utterance.usual);
}

/** The options of a new call; what is left out is up to the server. */
export function callOptions(settings: Settings): CallOptions {
  const options: CallOptions = {
    words: settings.words,
    interim_results: settings.interim_results,
    keyword_distance: settings.keyword_distance,
    events: [
      "speech_started", "speech_ended", "gap", "dtmf", "line", "keyword", "lag", "audio_ack",
      "turn_ended", "turn_overlap",
    ],
  };
  if (settings.diarize) options.diarize = true;
  if (settings.channels === 2) options.channel_labels = settings.labels;
  for (const name of GIVEN_WHERE_SET) give(options, settings, name);
  return options;
}

const GIVEN_WHERE_SET = [
  "language", "context", "keywords", "vad_threshold", "silence_threshold", "min_speech_duration",
  "max_utterance", "denoise", "post_filter", "attenuation_limit", "conversation_id",
] as const;

function give<K extends (typeof GIVEN_WHERE_SET)[number]>(
  options: Pick<CallOptions, K>, settings: Pick<Settings, K>, name: K,
): void {
  const value: Settings[K] = settings[name];
  if (value === null || value === "" || (Array.isArray(value) && !value.length)) return;
  Object.assign(options, { [name]: value });
}

/** What a running call is told when one setting has changed; null when that cannot be said. */
export function changeOf(settings: Settings, name: ChangeableName): ChangeableOptions | null {
  const value = settings[name];
  if (name === "language") return { language: settings.language || null };
  return value === null ? null : { [name]: value };
}

function isName(name: string): name is SettingName {
  return Object.hasOwn(FIELDS, name);
}

function put<K extends SettingName>(settings: Settings, name: K, texts: string[]): boolean {
  const value = FIELDS[name].read(texts);
  if (value === undefined) return false;
  settings[name] = value;
  return true;
}

function written<K extends SettingName>(settings: Settings, name: K): readonly string[] {
  return FIELDS[name].write(settings[name]);
}

// --- kinds of fields ---

function only(texts: readonly string[]): string | undefined {
  return texts.length === 1 ? texts[0] : undefined;
}

function oneOf<T extends string>(values: readonly [T, ...T[]]): Field<T> {
  const read = (texts: readonly string[]): T | undefined =>
    values.find((each) => each === only(texts));
  return { usual: values[0], read, write: (value) => [value] };
}

function flag(usual: boolean): Field<boolean> {
  return { usual, read: readFlag, write: (value) => [value ? "1" : "0"] };
}

function choice(): Field<boolean | null> {
  const write = (value: boolean | null): string[] => [value === null ? "" : value ? "1" : "0"];
  return { usual: null, read: readFlag, write };
}

function readFlag(texts: readonly string[]): boolean | undefined {
  const given = only(texts);
  return given === "1" ? true : given === "0" ? false : undefined;
}

function text(longest: number): Field<string> {
  const read = (texts: readonly string[]): string | undefined => {
    const given = only(texts);
    return given !== undefined && [...given].length <= longest ? given : undefined;
  };
  return { usual: "", read, write: (value) => [value] };
}

function number(name: NumberName): Field<number | null> {
  const read = (texts: readonly string[]): number | undefined =>
    readNumber(name, only(texts) ?? "");
  return { usual: null, read, write: (value) => [value === null ? "" : `${value}`] };
}

/** Reads a number as somebody typed it; undefined when it is none, or out of its range. */
export function readNumber(name: NumberName, typed: string): number | undefined {
  const value = typed.trim() ? Number(typed) : NaN;
  const { low, high } = RANGES[name];
  return value >= low && value <= high ? value : undefined;
}

function readDistance(texts: readonly string[]): number | undefined {
  const value = readNumber("keyword_distance", only(texts) ?? "");
  return Number.isInteger(value) ? value : undefined;
}

function readChannels(texts: readonly string[]): 1 | 2 | undefined {
  const given = only(texts);
  return given === "1" ? 1 : given === "2" ? 2 : undefined;
}

function readLabels(texts: readonly string[]): readonly string[] | undefined {
  const fit = texts.every((each) => each && [...each].length <= LONGEST.label);
  return fit && texts.length === 2 ? texts : undefined;
}

function readKeywords(texts: readonly string[]): readonly string[] | undefined {
  const fits = texts.every((each) => each && [...each].length <= LONGEST.keyword);
  return fits && texts.length <= MOST_KEYWORDS ? texts : undefined;
}
