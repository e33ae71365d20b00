import type { ComponentChild } from "preact";

import { strings } from "../strings.js";
import { type Level, QUIET, SILENT } from "./levels.js";
import { isRunning, type Shown, type Speaking } from "./speaking.js";
import { useTick } from "./status.js";

const texts = strings.speak;
const LOWEST = -60;
/** Digital silence of a microphone for so long means that it gives nothing, s. */
const NOTHING_S = 3;

interface Props {
  speaking: Speaking;
  shown: Shown;
}

/** How loud each leg is, and whether a microphone gives anything at all. */
export function Levels({ speaking, shown }: Props): ComponentChild {
  const running = isRunning(shown.state);
  useTick(100, running);
  const levels = running ? speaking.sound.levels : speaking.sound.levels.map(() => QUIET);
  const { source } = shown.settings;
  const silent = running && source === "microphone" && levels.every((l) => l.silentS > NOTHING_S);
  return (
    <>
      <div class="levels">
        {levels.map((level, channel) => (
          <Meter key={channel} level={level} label={legName(shown.settings, levels.length, channel)}
            channel={channel} running={running} />
        ))}
      </div>
      {shown.muted && <p class="notice" role="alert">{texts.muted}</p>}
      {silent && !shown.muted && <p class="notice" role="alert">{texts.silent}</p>}
    </>
  );
}

/** What a leg is called. */
export function legName(settings: Shown["settings"], legs: number, channel: number): string {
  if (legs > 1) return settings.labels[channel] ?? texts.leg(channel);
  return settings.source === "file" ? texts.recording : texts.you;
}

interface MeterProps {
  level: Level;
  label: string;
  channel: number;
  running: boolean;
}

function Meter({ level, label, channel, running }: MeterProps): ComponentChild {
  const share = (value: number): number => Math.min(1, Math.max(0, 1 - value / LOWEST));
  const spelled = level.rms <= SILENT ? texts.noLevel : texts.dbfs(level.rms.toFixed(0));
  const fill = { transform: `scaleX(${share(level.rms)})` };
  const peak = { insetInlineStart: `${100 * share(level.peak)}%` };
  return (
    <div class={`level leg-${channel}`}>
      <span class="name">{label}</span>
      <div class="bar" role="meter" aria-label={texts.level(label)} aria-valuemin={LOWEST}
        aria-valuemax={0} aria-valuenow={Math.max(LOWEST, Math.round(level.rms))}
        aria-valuetext={spelled}>
        <div class="fill" style={fill} />
        <div class="peak" style={peak} hidden={level.peak <= LOWEST} />
      </div>
      <span class={level.clipping ? "value wrong" : "value"}>
        {level.clipping ? texts.clipping : running && spelled}
      </span>
    </div>
  );
}
