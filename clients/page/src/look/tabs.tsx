import type { ComponentChild } from "preact";
import { useRef } from "preact/hooks";

/** Tabs as WAI-ARIA describes them: arrows move between them, and the panels stay in place. */
export function Tabs<T extends string>({
  label,
  names,
  chosen,
  onChoose,
  panel,
}: {
  label: string;
  names: Readonly<Record<T, string>>;
  chosen: T;
  onChoose(tab: T): void;
  panel(tab: T): ComponentChild;
}): ComponentChild {
  const all = Object.keys(names) as T[];
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = all[(all.indexOf(chosen) + by + all.length) % all.length]!;
    onChoose(next);
    list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
        {all.map((tab) => (
          <button
            key={tab}
            id={`tab-${tab}`}
            role="tab"
            aria-selected={tab === chosen}
            aria-controls={`panel-${tab}`}
            tabIndex={tab === chosen ? 0 : -1}
            onClick={() => onChoose(tab)}
          >
            {names[tab]}
          </button>
        ))}
      </div>
      {all.map((tab) => (
        <div
          key={tab}
          id={`panel-${tab}`}
          class="panel"
          role="tabpanel"
          aria-labelledby={`tab-${tab}`}
          hidden={tab !== chosen}
        >
          {panel(tab)}
        </div>
      ))}
    </>
  );
}
