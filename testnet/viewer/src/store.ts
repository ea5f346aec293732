/**
 * What the page shows, in one place: the runs, the moment, what is chosen. Everything else is a function of it.
 *
 * Components read it by {@link useStore}; pictures that draw by themselves subscribe. Nothing but {@link Store.set} changes it.
 */
import { useEffect, useReducer, useRef } from 'preact/hooks';
import { Model } from './timeline/model';
import type { Timeline } from './timeline/types';

/** Where nodes are drawn. */
export type Layout = 'force' | 'map' | 'arrival';
/** How nodes are coloured: when they had the item, or what they are doing about it. */
export type Colouring = 'arrival' | 'state';
/** What the scrubber spans: the whole run, or the life of the chosen item. */
export type Span = 'run' | 'item';
/** Which colours: as the system says, or as the user says. */
export type Theme = 'system' | 'light' | 'dark';

/** A run that is open. */
export interface Run {
  name: string;
  timeline: Timeline;
  model: Model;
}

/** All that can change. */
export interface State {
  runs: readonly Run[];
  /** Which run the graph shows, by its place in `runs`. */
  shown: number;
  /** Which run stands beside it, or null. */
  beside: number | null;
  /** The moment, µs. */
  t: number;
  playing: boolean;
  /** Simulated seconds a second. */
  speed: number;
  /** The chosen item, or null: all of them. */
  item: number | null;
  /** The chosen node, or null. */
  node: number | null;
  layout: Layout;
  colouring: Colouring;
  span: Span;
  theme: Theme;
  /** Whether the panel with the keys is open. */
  help: boolean;
  /** Whether the laboratory's panel is open. */
  lab: boolean;
  /** A sentence for the user (a file that can't be read, a share that is never reached), or null. */
  notice: string | null;
}

/** Names of what can change. */
export type Key = keyof State;
type Listener = (state: State, changed: ReadonlySet<Key>) => void;

const START: State = {
  runs: [],
  shown: 0,
  beside: null,
  t: 0,
  playing: false,
  speed: 1,
  item: null,
  node: null,
  layout: 'force',
  colouring: 'arrival',
  span: 'run',
  theme: 'system',
  help: false,
  lab: false,
  notice: null,
};

/** Holds the state and tells of changes. */
export class Store {
  private now: State = START;
  private readonly listeners = new Set<Listener>();

  /** The state as it is. It is never changed in place. */
  get state(): State {
    return this.now;
  }

  /** The run that the graph shows. */
  get run(): Run | undefined {
    return this.now.runs[this.now.shown];
  }

  /** The end of the longest run, µs. */
  get end(): number {
    return endOfRuns(this.now.runs);
  }

  /** Changes some of it, keeps it sensible (`t` within the runs, numbers that exist), and tells whoever listens. */
  set(patch: Partial<State>): void {
    const next = sensible({ ...this.now, ...patch });
    const changed = new Set((Object.keys(next) as Key[]).filter((key) => !Object.is(next[key], this.now[key])));
    if (changed.size === 0) return;
    this.now = next;
    for (const listener of [...this.listeners]) listener(next, changed);
  }

  /** Calls `listener` after each change, until the function that it gives is called. */
  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Opens a run beside those that are open, and gives its place. */
  addRun(name: string, timeline: Timeline): number {
    const runs = [...this.now.runs, { name, timeline, model: new Model(timeline) }];
    this.set({ runs });
    return runs.length - 1;
  }

  /** Closes a run. What was shown stays shown, or what stands in its place is. */
  removeRun(run: Run): void {
    const { runs, shown, beside } = this.now;
    const place = runs.indexOf(run);
    if (place < 0) return;
    const moved = (at: number): number => (at > place ? at - 1 : at);
    this.set({
      runs: runs.filter((one) => one !== run),
      shown: shown === place ? Math.max(0, place - 1) : moved(shown),
      beside: beside === null || beside === place ? null : moved(beside),
    });
  }
}

/** The end of the longest run, µs; 0 if there is none. */
export function endOfRuns(runs: readonly Run[]): number {
  return runs.reduce((end, run) => Math.max(end, run.model.end), 0);
}

function sensible(state: State): State {
  const shown = Math.min(Math.max(0, state.shown), Math.max(0, state.runs.length - 1));
  const run = state.runs[shown];
  const within = (number: number | null, rows: number | undefined): number | null =>
    number !== null && rows !== undefined && Number.isInteger(number) && number >= 0 && number < rows ? number : null;
  return {
    ...state,
    shown,
    beside: state.beside === shown ? null : within(state.beside, state.runs.length),
    t: Number.isFinite(state.t) ? Math.min(Math.max(0, state.t), endOfRuns(state.runs)) : 0,
    item: run === undefined ? state.item : within(state.item, run.timeline.items.rows),
    node: run === undefined ? state.node : within(state.node, run.timeline.nodes.rows),
  };
}

/** The page's store. */
export const store = new Store();

/** What `select` makes of the state; the component is drawn anew when that changes. At most every `everyMs` ms, if given. */
export function useStore<T>(select: (state: State) => T, everyMs = 0): T {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const value = select(store.state);
  const seen = useRef(value);
  const chosen = useRef(select);
  seen.current = value;
  chosen.current = select;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = (): void => {
      timer = undefined;
      if (!Object.is(chosen.current(store.state), seen.current)) redraw(undefined);
    };
    const stop = store.subscribe(() => {
      if (everyMs === 0) look();
      else timer ??= setTimeout(look, everyMs);
    });
    look();
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [everyMs]);
  return value;
}
