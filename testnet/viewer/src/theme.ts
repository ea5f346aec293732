/** Dark or light: by the system, or by the switch, which is remembered. Pictures take their colours from the same style sheet as text. */
import type { Family } from './timeline/families';
import { store, type Theme } from './store';

const KEPT = 'tidings-theme';
const system = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : undefined;

/** Colours of pictures, as the style sheet has them now. */
export interface Colours {
  isDark: boolean;
  page: string;
  card: string;
  stage: string;
  ink: string;
  muted: string;
  line: string;
  grid: string;
  axis: string;
  accent: string;
  blue: string;
  sky: string;
  vermilion: string;
  green: string;
  orange: string;
  purple: string;
}

/** Colours for two to six runs that stand beside each other, in their order: names in {@link Colours}. */
export const RUN_COLOURS = ['blue', 'vermilion', 'green', 'orange', 'purple', 'muted'] as const;

/** The colour of each family of messages: a name in {@link Colours}. */
export const FAMILY_COLOURS: Record<Family, keyof Omit<Colours, 'isDark'>> = {
  announcement: 'sky',
  request: 'orange',
  item: 'green',
  block: 'vermilion',
  repair: 'purple',
  other: 'axis',
};

let kept: Colours | undefined;
const listeners = new Set<() => void>();

/** Whether the page is dark now. */
export function isDark(): boolean {
  const { theme } = store.state;
  return theme === 'dark' || (theme === 'system' && system?.matches === true);
}

/** The colours now. */
export function colours(): Colours {
  kept ??= readColours();
  return kept;
}

function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const one = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    isDark: isDark(),
    page: one('page'), card: one('card'), stage: one('stage'), ink: one('ink'), muted: one('muted'), line: one('line'), grid: one('grid'),
    axis: one('axis'), accent: one('accent'), blue: one('blue'), sky: one('sky'), vermilion: one('vermilion'), green: one('green'),
    orange: one('orange'), purple: one('purple'),
  };
}

/** The colour of a run, by its place. */
export function runColour(place: number): string {
  return colours()[RUN_COLOURS[place % RUN_COLOURS.length]];
}

/** Calls `listener` when colours changed, until what it gives is called. */
export function onColours(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function apply(): void {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
  kept = undefined;
  for (const listener of [...listeners]) listener();
}

/** Begins: takes the theme that was kept, and follows the switch and the system. */
export function startTheme(): void {
  const known: readonly string[] = ['system', 'light', 'dark'];
  let remembered: string | null = null;
  try {
    remembered = localStorage.getItem(KEPT);
  } catch {
    // A page from file:// may have no storage.
  }
  if (remembered !== null && known.includes(remembered)) store.set({ theme: remembered as Theme });
  apply();
  system?.addEventListener('change', apply);
  store.subscribe((state, changed) => {
    if (!changed.has('theme')) return;
    try {
      localStorage.setItem(KEPT, state.theme);
    } catch {
      // It is forgotten, then.
    }
    apply();
  });
}

/** Whether the user asked for less motion. */
export function wantsStillness(): boolean {
  return typeof matchMedia === 'function' && matchMedia('(prefers-reduced-motion: reduce)').matches;
}
