import { useEffect } from "preact/hooks";

/** A tab that closes ends its call, so the browser asks first. */
export function useWarningBeforeLeaving(running: boolean): void {
  useEffect(() => {
    if (!running) return undefined;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [running]);
}

/** Keeps a screen on, where the browser can: a telephone that sleeps takes its microphone away. */
export function useWakefulness(active: boolean): void {
  useEffect(() => {
    const { wakeLock } = navigator as Partial<Pick<Navigator, "wakeLock">>;
    if (!active || !wakeLock) return undefined;
    let over = false;
    let held: WakeLockSentinel | undefined;
    const hold = (): void => {
      if (document.hidden) return; // the browser takes it away from a hidden page
      wakeLock.request("screen").then(
        (sentinel) => (over ? void sentinel.release() : (held = sentinel)),
        () => undefined, // a device that saves power refuses; the call goes on
      );
    };
    hold();
    document.addEventListener("visibilitychange", hold);
    return () => {
      over = true;
      document.removeEventListener("visibilitychange", hold);
      void held?.release();
    };
  }, [active]);
}
