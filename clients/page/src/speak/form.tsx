import type { ComponentChild, ComponentChildren } from "preact";
import { useEffect, useId, useState } from "preact/hooks";

import { strings } from "../strings.js";
import { type NumberName, RANGES, readNumber } from "./settings.js";

const texts = strings.speak.options;

/** What every control has: its name, and what is to be said about it. */
export interface ControlProps {
  label: string;
  hint?: string | undefined;
  /** Why the server refused the last change. */
  refused?: string | undefined;
  disabled?: boolean | undefined;
}

interface FrameProps extends ControlProps {
  id: string;
  problem?: string;
  children: ComponentChildren;
}

/** The label of a control, and below it what is wrong or worth knowing. */
function Frame({ id, label, hint, refused, problem, children }: FrameProps): ComponentChild {
  const said = problem || (refused ? texts.refused(refused) : "");
  return (
    <div class="control">
      <label for={id}>{label}</label>
      {children}
      {(said || hint) && (
        <p id={`${id}-note`} class={said ? "note wrong" : "note"}>{said || hint}</p>
      )}
    </div>
  );
}

/** What is typed and not yet given on: other news must not take it from who types. */
function useDraft(value: string): [string, (draft: string) => void] {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  return [draft, setDraft];
}

interface TextProps extends ControlProps {
  value: string;
  most: number;
  lines?: number;
  list?: readonly string[];
  onValue: (value: string) => void;
}

/** A text that is given on when its field is left, or Enter is pressed. */
export function TextControl(props: TextProps): ComponentChild {
  const { value, most, lines, list, onValue, ...rest } = props;
  const id = useId();
  const [draft, setDraft] = useDraft(value);
  const tooLong = [...draft].length > most;
  const common = {
    id, value: draft, disabled: rest.disabled, "aria-invalid": tooLong,
    "aria-describedby": `${id}-note`,
    onChange: () => void (tooLong || draft === value || onValue(draft)),
  };
  return (
    <Frame id={id} {...rest} problem={tooLong ? texts.tooLong(most) : ""}>
      {lines
        ? <textarea rows={lines} {...common} onInput={(e) => setDraft(e.currentTarget.value)} />
        : <input type="text" autocomplete="off" list={list && `${id}-list`} {...common}
            onInput={(e) => setDraft(e.currentTarget.value)} />}
      {list && <datalist id={`${id}-list`}>{list.map((each) => <option value={each} />)}</datalist>}
    </Frame>
  );
}

interface NumberProps extends ControlProps {
  name: NumberName;
  value: number | null;
  /** Why the field may not be emptied; "" where it may. */
  kept: string;
  onValue: (value: number | null) => void;
}

/** A number within the option's range; an empty field leaves it to the server. */
export function NumberControl(props: NumberProps): ComponentChild {
  const { name, value, kept, onValue, ...rest } = props;
  const id = useId();
  const { low, high, step, unit, usual } = RANGES[name];
  const [draft, setDraft] = useDraft(value === null ? "" : `${value}`);
  const [problem, setProblem] = useState("");
  const give = (typed: string): void => {
    const read = typed === "" && !kept ? null : readNumber(name, typed);
    const whole = step < 1 || read === undefined || Number.isInteger(read);
    if (read === undefined || !whole) {
      setProblem(typed === "" ? kept : texts.range(low, high));
      return;
    }
    setProblem("");
    if (read !== value) onValue(read);
  };
  return (
    <Frame id={id} {...rest} label={unit ? `${rest.label}, ${unit}` : rest.label} problem={problem}>
      <input id={id} type="number" min={low} max={high} step={step < 1 ? "any" : step} value={draft}
        disabled={rest.disabled} aria-invalid={problem !== ""} aria-describedby={`${id}-note`}
        placeholder={usual === null ? texts.server : texts.usual(`${usual}`)}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onChange={(event) => give(event.currentTarget.value)} />
    </Frame>
  );
}

interface FlagProps extends ControlProps {
  value: boolean;
  onValue: (value: boolean) => void;
}

export function FlagControl({ value, onValue, ...rest }: FlagProps): ComponentChild {
  const id = useId();
  return (
    <Frame id={id} {...rest}>
      <input id={id} type="checkbox" checked={value} disabled={rest.disabled}
        aria-describedby={`${id}-note`}
        onChange={(event) => onValue(event.currentTarget.checked)} />
    </Frame>
  );
}

interface ChoiceProps extends ControlProps {
  value: boolean | null;
  kept: boolean;
  onValue: (value: boolean | null) => void;
}

/** On, off, or up to the server; not that when `kept`. */
export function ChoiceControl({ value, kept, onValue, ...rest }: ChoiceProps): ComponentChild {
  const id = useId();
  const spelled = value === null ? "server" : value ? "on" : "off";
  return (
    <Frame id={id} {...rest}>
      <select id={id} value={spelled} disabled={rest.disabled} aria-describedby={`${id}-note`}
        onChange={(event) => onValue(VALUES[event.currentTarget.value as keyof typeof VALUES])}>
        <option value="server" disabled={kept}>{texts.server}</option>
        <option value="on">{texts.on}</option>
        <option value="off">{texts.off}</option>
      </select>
    </Frame>
  );
}

const VALUES = { server: null, on: true, off: false };
