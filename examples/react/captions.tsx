/** Live captions of the microphone, as a component. */
import { microphone } from "callscribe";
import { useCall } from "callscribe/react";

export function Captions({ url }: { url: string }) {
  const call = useCall(url, () => ({ source: microphone() }));
  const running = !["idle", "finished", "failed"].includes(call.state);
  return (
    <section aria-label="Captions">
      <button onClick={() => (running ? call.finish().catch(() => undefined) : call.start())}>
        {running ? "Stop" : "Start"}
      </button>
      <p role="status">{call.failure?.message ?? call.state}</p>
      {call.finals.map((final) => (
        <p key={final.seq}>{final.text}</p>
      ))}
      {[...call.partials.values()].map((partial) => (
        <p key={partial.channel} style={{ color: "gray" }}>
          {partial.text}
        </p>
      ))}
    </section>
  );
}
