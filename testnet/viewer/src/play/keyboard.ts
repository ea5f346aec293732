/** The keys. The same table is what the help shows. */
import { store, type Colouring, type Layout, type Theme } from '../store';
import { chooseItem, jumpTo, stepEvent, stepRound, toEnd, toggle, toStart } from './playback';
import { faster } from './speeds';

/** One key's doing. */
export interface Binding {
  /** As `KeyboardEvent.key`, with `Shift+` before it where it matters. */
  keys: string[];
  /** What it does, for people. */
  does: string;
  run: () => void;
}

const LAYOUTS: readonly Layout[] = ['force', 'map', 'arrival'];
const COLOURINGS: readonly Colouring[] = ['arrival', 'state'];
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

function next<T>(all: readonly T[], now: T): T {
  return all[(all.indexOf(now) + 1) % all.length];
}

function otherItem(step: 1 | -1): void {
  const rows = store.run?.timeline.items.rows ?? 0;
  if (rows === 0) return;
  const { item } = store.state;
  chooseItem(item === null ? (step > 0 ? 0 : rows - 1) : (item + step + rows) % rows);
}

/** The layout after the one that is shown. */
export function nextTheme(): void {
  store.set({ theme: next(THEMES, store.state.theme) });
}

/** Puts the cursor into the field by which nodes and items are found. */
export function focusFind(): void {
  document.getElementById('find')?.focus();
}

/** All keys. */
export const BINDINGS: readonly Binding[] = [
  { keys: [' '], does: 'play, or pause', run: toggle },
  { keys: ['ArrowRight'], does: 'the next event (of the chosen item, or of all)', run: () => stepEvent(1) },
  { keys: ['ArrowLeft'], does: 'the event before', run: () => stepEvent(-1) },
  { keys: ['Shift+ArrowRight', '.'], does: 'a round forwards: one median latency', run: () => stepRound(1) },
  { keys: ['Shift+ArrowLeft', ','], does: 'a round backwards', run: () => stepRound(-1) },
  { keys: ['Home'], does: 'to the beginning', run: toStart },
  { keys: ['End'], does: 'to the end', run: toEnd },
  { keys: ['1'], does: 'to where 50 % of the nodes have it', run: () => jumpTo(0.5) },
  { keys: ['2'], does: 'to where 90 % have it', run: () => jumpTo(0.9) },
  { keys: ['3'], does: 'to where 99 % have it', run: () => jumpTo(0.99) },
  { keys: ['ArrowUp', '+'], does: 'faster', run: () => store.set({ speed: faster(store.state.speed, 1) }) },
  { keys: ['ArrowDown', '-'], does: 'slower', run: () => store.set({ speed: faster(store.state.speed, -1) }) },
  { keys: ['n'], does: 'the next item', run: () => otherItem(1) },
  { keys: ['p'], does: 'the item before', run: () => otherItem(-1) },
  { keys: ['a'], does: 'all items', run: () => chooseItem(null) },
  { keys: ['z'], does: 'the scrubber spans the item’s life, or the whole run', run: () => store.set({ span: store.state.span === 'run' ? 'item' : 'run' }) },
  { keys: ['l'], does: 'another layout of the graph', run: () => store.set({ layout: next(LAYOUTS, store.state.layout) }) },
  { keys: ['c'], does: 'other colours of the nodes', run: () => store.set({ colouring: next(COLOURINGS, store.state.colouring) }) },
  { keys: ['/'], does: 'find a node or an item', run: focusFind },
  { keys: ['t'], does: 'dark, light, or as the system', run: nextTheme },
  { keys: ['?'], does: 'these keys', run: () => store.set({ help: !store.state.help }) },
  { keys: ['Escape'], does: 'close what is open, choose nothing', run: () => store.set(store.state.help || store.state.lab ? { help: false, lab: false } : { node: null }) },
];

/** What a key is called in the help. */
export function keyName(key: string): string {
  const names: Record<string, string> = {
    ' ': 'Space', ArrowRight: '→', ArrowLeft: '←', ArrowUp: '↑', ArrowDown: '↓', 'Shift+ArrowRight': 'Shift →', 'Shift+ArrowLeft': 'Shift ←', Escape: 'Esc',
  };
  return names[key] ?? key;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Whether the focused element wants the key itself: buttons take the space bar, tables scroll by arrows. */
function isTaken(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (key === ' ') return /^(BUTTON|A|SUMMARY)$/.test(target.tagName);
  return /^Arrow(Up|Down)$/.test(key) && (target.closest('.scroll, [role=listbox], [role=tablist]') !== null || target === document.body);
}

/** Listens to keys on the whole page; gives what stops it. */
export function listenToKeys(): () => void {
  const listen = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isTaken(event.target, event.key)) return;
    const key = event.shiftKey && event.key.startsWith('Arrow') ? `Shift+${event.key}` : event.key;
    const binding = BINDINGS.find(({ keys }) => keys.includes(key));
    if (binding === undefined) return;
    event.preventDefault();
    binding.run();
  };
  document.addEventListener('keydown', listen);
  return () => document.removeEventListener('keydown', listen);
}
