import { microphones } from "callscribe";
import type { ComponentChild } from "preact";
import { useEffect, useId, useState } from "preact/hooks";

import { strings } from "../strings.js";
import { FlagControl, TextControl } from "./form.js";
import { LONGEST, type SettingName, type Settings } from "./settings.js";

const texts = strings.speak.source;

interface Props {
  settings: Settings;
  running: boolean;
  device: string;
  file: File | null;
  /** Changes when there may be more to know of the devices, as after a permission. */
  occasion: unknown;
  onChange: <K extends SettingName>(name: K, value: Settings[K]) => void;
  onDevice: (device: string) => void;
  onFile: (file: File) => void;
}

/** Where the sound of the next call comes from; fixed while one runs. */
export function Source(props: Props): ComponentChild {
  const { settings, running, onChange } = props;
  const { source } = settings;
  return (
    <fieldset class="panel source" disabled={running}>
      <legend class="sr-only">{texts.legend}</legend>
      <div class="segments">
        {(["microphone", "file"] as const).map((each) => (
          <label key={each}>
            <input type="radio" name="source" checked={source === each}
              onChange={() => onChange("source", each)} />
            <span>{texts[each]}</span>
          </label>
        ))}
      </div>
      {source === "microphone" ? <Device {...props} /> : <Chosen {...props} />}
      <Picked label={texts.channels} value={`${settings.channels}`}
        values={{ 1: texts.oneChannel, 2: texts.twoChannels }}
        onValue={(value) => onChange("channels", value === "2" ? 2 : 1)} />
      {settings.channels === 2 && settings.labels.map((label, channel) => (
        <TextControl key={channel} label={texts.labels[channel]!} value={label} most={LONGEST.label}
          onValue={(value) => {
            const named = settings.labels.with(channel, value.trim());
            if (value.trim()) onChange("labels", named);
          }} />
      ))}
    </fieldset>
  );
}

function Device({ settings, device, occasion, onChange, onDevice }: Props): ComponentChild {
  const devices = useDevices(occasion);
  const values = { "": texts.usualDevice, ...named(devices) };
  const insecure = !globalThis.isSecureContext;
  return (
    <>
      <Picked label={texts.device} value={device in values ? device : ""} values={values}
        disabled={insecure} onValue={onDevice} />
      <FlagControl label={texts.processing} value={settings.processing} disabled={insecure}
        onValue={(value) => onChange("processing", value)} />
    </>
  );
}

function Chosen({ settings, file, onChange, onFile }: Props): ComponentChild {
  const id = useId();
  return (
    <>
      <div class="control chosen">
        <input id={id} class="sr-only" type="file" accept="audio/*,video/*"
          onChange={(event) => {
            const [chosen] = event.currentTarget.files ?? [];
            if (chosen) onFile(chosen);
          }} />
        <label class="button" for={id}>{texts.choose}</label>
        <p class={file ? "name" : "note"}>{file ? file.name : texts.drop}</p>
      </div>
      <Picked label={texts.pace} value={settings.paced ? "paced" : "fast"}
        values={{ paced: texts.paced, fast: texts.fast }}
        onValue={(value) => onChange("paced", value === "paced")} />
    </>
  );
}

interface PickedProps {
  label: string;
  value: string;
  values: Readonly<Record<string, string>>;
  disabled?: boolean;
  onValue: (value: string) => void;
}

function Picked({ label, value, values, disabled = false, onValue }: PickedProps): ComponentChild {
  const id = useId();
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <select id={id} value={value} disabled={disabled}
        onChange={(event) => onValue(event.currentTarget.value)}>
        {Object.entries(values).map(([each, text]) => (
          <option key={each} value={each}>{text}</option>
        ))}
      </select>
    </div>
  );
}

function named(devices: readonly MediaDeviceInfo[]): Record<string, string> {
  const usable = devices.filter((each) => each.deviceId && each.deviceId !== "default");
  const label = (each: MediaDeviceInfo, number: number): string =>
    each.label || texts.unnamedDevice(number + 1);
  return Object.fromEntries(usable.map((each, number) => [each.deviceId, label(each, number)]));
}

function useDevices(occasion: unknown): readonly MediaDeviceInfo[] {
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  useEffect(() => {
    let gone = false;
    const look = (): void => {
      microphones().then((found) => gone || setDevices(found), () => gone || setDevices([]));
    };
    look();
    const media = navigator.mediaDevices as MediaDevices | undefined; // absent where insecure
    media?.addEventListener("devicechange", look);
    return () => {
      gone = true;
      media?.removeEventListener("devicechange", look);
    };
  }, [occasion]);
  return devices;
}
