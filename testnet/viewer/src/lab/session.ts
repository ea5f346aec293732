/**
 * The laboratory's own state: what is simulated now, and of each run that was simulated here its scenario, its hash, and what it is a fork of.
 * What a timeline from elsewhere says of its scenario serves as well, so that any simulated run can be forked.
 */
import { useListeners, type Listeners } from '../listeners';
import { clock } from '../format';
import { fromHash } from '../permalink';
import { firstView } from '../shell/opening';
import { RUNS_MAX } from '../sources';
import { store, type Run } from '../store';
import { decode } from '../timeline/decode';
import { difference, firstOf, secondsAt, sharedUntil, writtenItem } from './futures';
import type { Progress } from './protocol';
import { deedWords, fromLink, isTable, scenarioOf, toLink, withDeed, type Deed, type Scenario } from './scenario';
import { FIRST } from './settings';
import { Simulator } from './simulator';

/** What is known of a run that was simulated here. */
export interface Lab {
  scenario: Scenario;
  hash: string;
  /** What it took, ms. */
  ms: number;
  /** What it is a fork of: the run, the moment (µs), and what became different, in sentences. */
  fork: { of: Run; at: number; deed: Deed; said: string[] } | null;
}

/** What the laboratory does now. */
export interface Session {
  /** What is simulated now, in words; null if nothing is. */
  busy: string | null;
  progress: Progress | null;
  /** Why the last one came to nothing, a sentence; null if it didn't. */
  problem: string | null;
  /** The form's scenario. */
  draft: Scenario;
}

const simulator = new Simulator();
const known = new WeakMap<Run, Lab>();
const listeners: Listeners = new Set();
let now: Session = { busy: null, progress: null, problem: null, draft: FIRST };
/** The scenario that the address has, as its text. */
let linked: string | null = null;

/** What the laboratory does now. */
export const session = (): Session => now;

/** Draws the component anew when that changes. */
export function useSession(): Session {
  useListeners(listeners);
  return now;
}

function set(patch: Partial<Session>): void {
  now = { ...now, ...patch };
  for (const listener of [...listeners]) listener();
}

/** Another scenario in the form. */
export const setDraft = (draft: Scenario): void => set({ draft });

/** What is known of a run that was simulated here. */
export const labOf = (run: Run): Lab | undefined => known.get(run);

/** The scenario of a run that was simulated, here or elsewhere. Null if it can't be run again. */
export function scenarioOfRun(run: Run): Scenario | null {
  const own = known.get(run);
  if (own !== undefined) return own.scenario;
  const { scenario, source, seed } = run.timeline.header;
  if (source !== 'simulated') return null;
  const read = scenarioOf(scenario);
  // A number of JavaScript can't hold every seed.
  return read !== null && String(isTable(read) ? read.seed : '') === seed ? read : null;
}

/** Simulates a scenario and opens what comes of it. False if nothing did: then the session says why. */
async function simulate(scenario: Scenario, name: string, open: (run: Run, place: number) => void, fork: Lab['fork'] = null): Promise<boolean> {
  if (store.state.runs.length >= RUNS_MAX) {
    set({ problem: `${RUNS_MAX} runs are open, and no more can be told apart: close one first.` });
    return false;
  }
  set({ busy: name, progress: null, problem: null });
  try {
    const { figures, timeline, ms } = await simulator.run(JSON.stringify(scenario), (progress) => set({ progress }));
    const read = await decode(timeline);
    // Both futures stand in the same places, whatever links came later.
    if (fork !== null) read.nodes = fork.of.timeline.nodes;
    const place = store.addRun(name, read);
    const run = store.state.runs[place];
    known.set(run, { scenario, hash: figures.event_hash, ms, fork });
    open(run, place);
    nameScenario();
    set({ busy: null, progress: null });
    return true;
  } catch (error) {
    set({ busy: null, progress: null, problem: error instanceof Error ? error.message : String(error) });
    return false;
  }
}

/** Runs the form's scenario, beside what is open. */
export async function runDraft(): Promise<void> {
  await simulate(now.draft, nameOf(now.draft), (run, place) => store.set({ ...firstView(run), shown: place, beside: null, node: null }));
}

/** Runs what an address asks for, and goes to where it says. */
export async function runLink(scenario: Scenario): Promise<void> {
  linked = JSON.stringify(scenario);
  set({ draft: scenario });
  store.set({ lab: true });
  const { shown: _, beside: __, ...wish } = fromHash(location.hash);
  await simulate(scenario, nameOf(scenario), (run, place) => store.set({ ...firstView(run), ...(wish.t === undefined ? {} : { item: null, span: 'run' }), ...wish, shown: place }));
}

/** Does something to a run at the moment where the scrubber stands: the run forks there. */
export async function fork(run: Run, deed: Deed): Promise<void> {
  const scenario = scenarioOfRun(run);
  const { t, item } = store.state;
  const at = firstOf(run.timeline) + Math.round(secondsAt(run.timeline, t) * 1e6);
  const next = scenario === null ? null : withDeed(scenario, deed, secondsAt(run.timeline, t));
  if (next === null) {
    set({ problem: 'This can’t be done here: the scenario has nothing of this node or link alone that could end.' });
    return;
  }
  store.set({ playing: false });
  const name = `${deedWords(deed)}, ${clock(at)}`;
  const about: NonNullable<Lab['fork']> = { of: run, at, deed, said: [] };
  await simulate(next, name, (future, place) => {
    const written = deed.name === 'write' ? writtenItem(future.timeline, deed.node, at) : null;
    const { events, isAll } = sharedUntil(run.timeline, future.timeline, at);
    about.said.push(
      isAll
        ? `Until ${clock(at)} both futures are the same, in all ${events.toLocaleString('en-GB')} messages and deliveries.`
        : `Of the messages and deliveries until ${clock(at)}, ${events.toLocaleString('en-GB')} are the same in both: one of the runs was too large to be recorded whole.`,
      ...difference(run, future, item, written),
    );
    const place0 = store.state.runs.indexOf(run);
    store.set({ shown: place, beside: place0 < 0 ? null : place0, t: at, node: deed.node, item: written ?? item, span: 'run' });
  }, about);
}

/** Closes a run. Forks of it stay. */
export function close(run: Run): void {
  store.removeRun(run);
}

/** Takes the last fork back: closes it, and shows what it was a fork of. */
export function undo(run: Run): void {
  const { fork } = known.get(run) ?? { fork: null };
  close(run);
  const place = fork === null ? -1 : store.state.runs.indexOf(fork.of);
  if (place >= 0) store.set({ shown: place, beside: null });
}

/** Stops what is simulated now. */
export const stop = (): void => simulator.stop();

/** A run's name: its strategy and size. */
function nameOf(scenario: Scenario): string {
  const relay = scenario.params?.relay;
  const strategy = isTable(relay) && typeof relay.strategy === 'string' ? relay.strategy : 'adaptive';
  const base = `${strategy}, ${String(scenario.network?.nodes ?? 500)} nodes`;
  const names = store.state.runs.map(({ name }) => name);
  for (let copy = 1; ; copy++) {
    const name = copy === 1 ? base : `${base} (${copy})`;
    if (!names.includes(name)) return name;
  }
}

/** Begins: runs what the address asks for, now and when the user changes it, and has the address name the shown run's scenario. */
export async function startLab(): Promise<void> {
  const follow = async (): Promise<void> => {
    const asked = fromLink(location.hash);
    if (typeof asked === 'string') {
      set({ problem: asked });
      store.set({ lab: true });
    } else if (asked !== null && JSON.stringify(asked) !== linked) await runLink(asked);
  };
  addEventListener('hashchange', () => void follow());
  await follow();
  store.subscribe((_, changed) => {
    if (changed.has('runs') || changed.has('shown')) nameScenario();
  });
}

/** Has the address name the scenario of the run that is shown, if it was simulated here. */
function nameScenario(): void {
  const run = store.run;
  const own = run === undefined ? undefined : known.get(run);
  const others = location.hash.replace(/^#/, '').split('&').filter((part) => part !== '' && !part.startsWith('lab='));
  linked = own === undefined ? null : JSON.stringify(own.scenario);
  const parts = own === undefined ? others : [...others, toLink(own.scenario)];
  history.replaceState(null, '', `#${parts.join('&')}`);
}
