import { type AudioSource, connect, file as fileSource, microphone } from "callscribe";
import type { ComponentChild } from "preact";
import { useMemo, useState } from "preact/hooks";

import { useObserved } from "../observable.js";
import { parseRoute } from "../route.js";
import { strings } from "../strings.js";
import { channelsOf } from "./channels.js";
import { LatencyPanel } from "./latency_panel.js";
import { Levels } from "./levels_view.js";
import { Ignored, useAddress } from "./link.js";
import { Options } from "./options.js";
import { Failure, Warnings } from "./problem_boxes.js";
import { readQuery, type Settings } from "./settings.js";
import { Source } from "./source.js";
import { isOver, isRunning, type Shown, Speaking } from "./speaking.js";
import { useWakefulness, useWarningBeforeLeaving } from "./staying.js";
import { Status } from "./status.js";
import { TranscriptPanel } from "./transcript_panel.js";
import { Waveform } from "./waveform.js";
import "./view.css";

const texts = strings.speak;

/** Speaks with the server from a microphone or a file, and shows what it understands. */
export function SpeakView(): ComponentChild {
  const given = useMemo(() => readQuery(parseRoute(location.hash).query), []);
  const speaking = useMemo(() => new Speaking(connect, given.settings), [given]);
  const shown = useObserved(speaking.shown);
  const { state, settings, failure } = shown;
  const [device, setDevice] = useState("");
  const [file, setFile] = useState<File | null>(null);
  const running = isRunning(state) || state === "finishing";
  const start = (): void => speaking.start(sourceOf(settings, device, file));
  const choose = (chosen: File): void => {
    speaking.change("source", "file");
    void channelsOf(chosen).then((channels) => {
      if (channels) speaking.change("channels", channels);
      setFile(chosen);
    });
  };
  useAddress(settings);
  useWarningBeforeLeaving(running);
  useWakefulness(running && settings.source === "microphone");
  return (
    <section class="speak" aria-label={strings.views.speak} {...droppable(running ? null : choose)}>
      <h2 class="sr-only">{strings.views.speak}</h2>
      <div class="stage">
        <Source settings={settings} running={running} device={device} file={file}
          occasion={state === "open"} onDevice={setDevice} onFile={choose}
          onChange={(name, value) => speaking.change(name, value)} />
        <Actions speaking={speaking} shown={shown} ready={canStart(settings, file)}
          onStart={start} />
        <Ignored names={given.ignored} />
        <Insecure settings={settings} />
        {failure && isOver(state) && <Failure failure={failure} onAgain={start} />}
        <Warnings warnings={shown.warnings} onDismiss={(warning) => speaking.dismiss(warning)} />
        <div class="sound">
          <Status speaking={speaking} shown={shown} />
          <Waveform speaking={speaking} legs={settings.channels} />
          <Levels speaking={speaking} shown={shown} />
        </div>
        <TranscriptPanel shown={shown} onClear={() => speaking.clear()} />
      </div>
      <aside aria-label={texts.options.heading}>
        <LatencyPanel shown={shown} />
        <Options settings={settings} running={running} denoiser={shown.denoiser}
          refused={shown.refused} onChange={(name, value) => speaking.change(name, value)} />
      </aside>
    </section>
  );
}

interface ActionsProps {
  speaking: Speaking;
  shown: Shown;
  ready: boolean;
  onStart: () => void;
}

function Actions({ speaking, shown, ready, onStart }: ActionsProps): ComponentChild {
  const { state } = shown;
  const running = isRunning(state);
  const needsFile = shown.settings.source === "file" && !ready && !running;
  return (
    <div class="actions row">
      {running || state === "finishing"
        ? (
          <button class="big stop" disabled={!running} onClick={() => speaking.finish()}>
            {texts.actions.stop}
          </button>
        )
        : (
          <button class="big primary" disabled={!ready} onClick={onStart}>
            {texts.actions.start}
          </button>
        )}
      <button disabled={state !== "open"} onClick={() => speaking.flush()}>
        {texts.actions.flush}
      </button>
      {(state === "resuming" || state === "finishing" || state === "connecting") && (
        <button onClick={() => speaking.leave()}>{texts.actions.cancel}</button>
      )}
      {needsFile && <p class="note">{texts.actions.needFile}</p>}
    </div>
  );
}

function Insecure({ settings }: { settings: Settings }): ComponentChild {
  if (globalThis.isSecureContext || settings.source === "file") return null;
  return (
    <div class="notice insecure">
      <p><strong>{texts.insecure.what}</strong></p>
      <p>{texts.insecure.todo}</p>
    </div>
  );
}

function canStart({ source }: Settings, file: File | null): boolean {
  return source === "file" ? file !== null : globalThis.isSecureContext;
}

function sourceOf(settings: Settings, device: string, file: File | null): AudioSource {
  const { source, channels, paced, processing } = settings;
  if (source === "file" && file) {
    return fileSource(file, { channels: channels === 2 ? 2 : "mix", paced });
  }
  return microphone({
    ...(device && { deviceId: device }), channels,
    echoCancellation: processing, noiseSuppression: processing, autoGainControl: processing,
  });
}

/** Takes a file that is dropped anywhere on the view. */
function droppable(onFile: ((file: File) => void) | null): {
  onDragOver: (event: DragEvent) => void;
  onDrop: (event: DragEvent) => void;
} {
  return {
    onDragOver: (event) => event.preventDefault(),
    onDrop: (event) => {
      event.preventDefault();
      const [dropped] = event.dataTransfer?.files ?? [];
      if (dropped && onFile) onFile(dropped);
    },
  };
}
