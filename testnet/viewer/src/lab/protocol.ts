/** What the page and the simulator's worker say to each other. */

/** How far a run is (tidings_sim_wasm::run::Progress). */
export interface Progress {
  /** Simulated seconds since it began. */
  simulated_s: number;
  /** Pairs of a transaction and a node that has it. */
  delivered: number;
  /** All pairs. */
  pairs: number;
  /** Inputs that nodes handled. */
  events: number;
}

/** What a run came to (tidings_sim_wasm::run::Figures). */
export interface Figures {
  event_hash: string;
  events: number;
  missing: number;
  last_delivery_s: number;
  invalid_reasons: string[];
}

/** To the worker: a scenario to run; the first has the module, too. */
export interface Order {
  run: number;
  scenario: string;
  module: ArrayBuffer | null;
}

/** From the worker. */
export type Answer =
  | { run: number; is: 'progress'; progress: Progress }
  | { run: number; is: 'done'; figures: Figures; timeline: ArrayBuffer; ms: number }
  | { run: number; is: 'refused'; problem: string };
