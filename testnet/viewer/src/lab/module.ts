/** The simulator's module: its calls, as tidings_sim_wasm documents them. Each run has an instance of its own, so that nothing is left of it. */
import type { Figures, Progress } from './protocol';

interface Exports {
  memory: WebAssembly.Memory;
  tidings_input: (length: number) => number;
  tidings_begin: () => number;
  tidings_advance: (events: number) => number;
  tidings_finish: () => number;
  tidings_output: () => number;
  tidings_output_length: () => number;
  tidings_timeline: () => number;
  tidings_timeline_length: () => number;
}

/** What a run came to, and its timeline as a file. */
export interface Result {
  figures: Figures;
  timeline: Uint8Array<ArrayBuffer>;
}

/** Events between two looks at the clock: some milliseconds. */
const EVENTS = 20_000;

/** A scenario that can't be run. Its message is a sentence. */
export class Refused extends Error {}

/** Runs a scenario (JSON). `look` is told how far it is every so often. */
export function run(module: WebAssembly.Module, scenario: string, look: (progress: Progress) => void): Result {
  const { memory, ...call } = new WebAssembly.Instance(module).exports as unknown as Exports;
  const bytes = (at: number, length: number): Uint8Array => new Uint8Array(memory.buffer, at >>> 0, length >>> 0);
  const output = (): string => new TextDecoder().decode(bytes(call.tidings_output(), call.tidings_output_length()));
  const input = new TextEncoder().encode(scenario);
  const place = call.tidings_input(input.length);
  bytes(place, input.length).set(input);
  if (call.tidings_begin() === 0) throw new Refused(output());
  let more = true;
  while (more) {
    more = call.tidings_advance(EVENTS) !== 0;
    look(JSON.parse(output()) as Progress);
  }
  if (call.tidings_finish() === 0) throw new Refused(output());
  const figures = JSON.parse(output()) as Figures;
  return { figures, timeline: Uint8Array.from(bytes(call.tidings_timeline(), call.tidings_timeline_length())) };
}
