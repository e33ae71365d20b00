/**
 * The audio worklet of `microphone` and `mediaStream`: a module of its own, which the browser loads
 * by its URL. It joins the browser's blocks of 128 frames to batches.
 */
export {};
class Capture extends AudioWorkletProcessor {
    #frames;
    #channels;
    #batch;
    #filled = 0;
    #stopped = false;
    constructor({ processorOptions }) {
        super();
        this.#frames = processorOptions.frames;
        this.#channels = processorOptions.channels;
        this.#batch = this.#empty();
        this.port.onmessage = () => {
            this.#stopped = true;
            this.#post();
            this.port.postMessage(null);
        };
    }
    /** Called by the browser for each block; returning false ends the processor. */
    process([input]) {
        if (this.#stopped)
            return false;
        const length = input?.[0]?.length ?? 0;
        for (let at = 0; at < length;) {
            const size = Math.min(length - at, this.#frames - this.#filled);
            this.#batch.forEach((samples, channel) => {
                const block = input?.[channel] ?? input?.[0];
                if (block !== undefined)
                    samples.set(block.subarray(at, at + size), this.#filled);
            });
            this.#filled += size;
            at += size;
            if (this.#filled === this.#frames)
                this.#post();
        }
        return true;
    }
    #post() {
        if (this.#filled === 0)
            return;
        const batch = this.#batch.map((samples) => this.#filled === this.#frames ? samples : samples.slice(0, this.#filled));
        this.port.postMessage(batch, batch.map((samples) => samples.buffer));
        this.#batch = this.#empty();
        this.#filled = 0;
    }
    #empty() {
        return Array.from({ length: this.#channels }, () => new Float32Array(this.#frames));
    }
}
registerProcessor("callscribe-capture", Capture);
