/** Codes of the languages that are suggested; the server knows which of them its model has. */
const CODES = [
  "ar", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fil", "fr", "hi", "hu", "id", "it", "ja",
  "ko", "mk", "ms", "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "vi", "yue", "zh",
];

/** English names, as the server spells languages. */
export const LANGUAGES: readonly string[] = names();

function names(): string[] {
  const english = new Intl.DisplayNames("en", { type: "language" });
  return CODES.map((code) => english.of(code) ?? code).sort();
}
