import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";

import { strings } from "../strings.js";
import {
  ChoiceControl, type ControlProps, FlagControl, NumberControl, TextControl,
} from "./form.js";
import { Keywords } from "./keywords.js";
import { LANGUAGES } from "./languages.js";
import { Link } from "./link.js";
import {
  contradiction, isChangeable, LONGEST, type NumberName, type SettingName, type Settings,
} from "./settings.js";
import type { Refusals } from "./speaking.js";

const texts = strings.speak.options;

interface Props {
  settings: Settings;
  running: boolean;
  /** The running call can switch noise removal. */
  denoiser: boolean;
  refused: Refusals;
  onChange: <K extends SettingName>(name: K, value: Settings[K]) => void;
}

/** The options of a call; those that can change act during it. */
export function Options({ settings, running, denoiser, refused, onChange }: Props): ComponentChild {
  const [contradicting, setContradicting] = useState<SettingName | null>(null);
  const about = (name: SettingName): ControlProps => {
    const label = texts[name as keyof typeof texts] as string;
    const why = contradicting === name ? texts.contradiction : refused[name];
    return { label, refused: why, disabled: running && !isChangeable(name) };
  };
  const kept = (name: NumberName): string => {
    if (name === "keyword_distance") return texts.range(0, 2);
    return running && settings[name] !== null ? texts.keep : "";
  };
  const number = (name: NumberName): ComponentChild => (
    <NumberControl name={name} {...about(name)} value={settings[name]} kept={kept(name)}
      onValue={(value) => {
        const broken = contradiction({ ...settings, [name]: value });
        setContradicting(broken ? name : null);
        if (!broken) onChange(name, value as Settings[typeof name]);
      }} />
  );
  return (
    <section class="panel options" aria-labelledby="options-heading">
      <div class="row heading">
        <h3 id="options-heading">{texts.heading}</h3>
        <Link settings={settings} />
      </div>
      <p class="note">{texts.acts}</p>
      <fieldset>
        <legend>{texts.groups.text}</legend>
        <TextControl {...about("language")} value={settings.language} most={LONGEST.language}
          list={LANGUAGES} hint={texts.languageHint}
          onValue={(value) => onChange("language", value)} />
        <TextControl {...about("context")} value={settings.context} most={LONGEST.context} lines={2}
          onValue={(value) => onChange("context", value)} />
        <Keywords keywords={settings.keywords} refused={refused.keywords}
          onKeywords={(value) => onChange("keywords", value)} />
        {number("keyword_distance")}
      </fieldset>
      <fieldset>
        <legend>{texts.groups.results}</legend>
        <FlagControl {...about("interim_results")} value={settings.interim_results}
          onValue={(value) => onChange("interim_results", value)} />
        <FlagControl {...about("words")} value={settings.words}
          onValue={(value) => onChange("words", value)} />
        <FlagControl {...about("diarize")} value={settings.diarize}
          onValue={(value) => onChange("diarize", value)} />
      </fieldset>
      <fieldset class="pairs">
        <legend>{texts.groups.speech}</legend>
        {number("vad_threshold")}
        {number("silence_threshold")}
        {number("min_speech_duration")}
        {number("max_utterance")}
      </fieldset>
      <fieldset>
        <legend>{texts.groups.noise}</legend>
        <ChoiceControl {...about("denoise")} value={settings.denoise} kept={running}
          disabled={running && !denoiser} hint={texts.denoiseHint}
          onValue={(value) => onChange("denoise", value)} />
        <ChoiceControl {...about("post_filter")} value={settings.post_filter} kept={running}
          onValue={(value) => onChange("post_filter", value)} />
        {number("attenuation_limit")}
      </fieldset>
      <fieldset>
        <legend>{texts.groups.call}</legend>
        <TextControl {...about("conversation_id")} value={settings.conversation_id}
          most={LONGEST.conversation} hint={texts.conversationHint}
          onValue={(value) => onChange("conversation_id", value)} />
      </fieldset>
    </section>
  );
}
