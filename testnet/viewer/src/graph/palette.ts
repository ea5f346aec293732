/**
 * Colours of the wave: from whoever had it first to the last. Viridis (van der Walt and Smith, 2015), which keeps its order for readers with
 * colour-blindness and in grey; the end that would vanish on the page is left out.
 */
import { colours } from '../theme';

/** How many colours the wave has: nodes of a colour are painted in one go. */
export const STEPS = 24;

const VIRIDIS = [
  [253, 231, 37], [181, 222, 43], [110, 206, 88], [53, 183, 121], [31, 158, 137], [38, 130, 142], [49, 104, 142], [62, 73, 137], [72, 40, 120], [68, 1, 84],
];

function between(at: number): string {
  const place = Math.min(VIRIDIS.length - 1.0001, Math.max(0, at * (VIRIDIS.length - 1)));
  const low = VIRIDIS[Math.floor(place)];
  const high = VIRIDIS[Math.floor(place) + 1];
  const part = place - Math.floor(place);
  return `rgb(${low.map((one, channel) => Math.round(one + (high[channel] - one) * part)).join(' ')})`;
}

/** The wave's colours, first to last. On a dark page violet would vanish, on a light one yellow. */
export function wave(isDark: boolean): string[] {
  const [from, to] = isDark ? [0, 0.72] : [0.1, 1];
  return Array.from({ length: STEPS }, (_, step) => between(from + ((to - from) * step) / (STEPS - 1)));
}

/** The colour of a node that doesn't have it. */
export function unaware(): string {
  const { isDark } = colours();
  return isDark ? '#3a4653' : '#c3ccd5';
}
