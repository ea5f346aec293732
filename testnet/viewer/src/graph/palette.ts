/**
 * Colours of the wave: from whoever had it first to the last. Plasma (Smith and van der Walt, 2015), which keeps its order for readers with
 * colour-blindness and in grey, and has no blue and no green, which messages have; the end that would vanish on the page is left out.
 */
import { colours } from '../theme';

/** How many colours the wave has: nodes of a colour are painted in one go. */
export const STEPS = 24;

const PLASMA = [
  [240, 249, 33], [253, 202, 38], [251, 159, 58], [237, 121, 83], [216, 87, 107], [189, 55, 134], [156, 23, 158], [114, 1, 168], [70, 3, 159], [13, 8, 135],
];

function between(at: number): string {
  const place = Math.min(PLASMA.length - 1.0001, Math.max(0, at * (PLASMA.length - 1)));
  const low = PLASMA[Math.floor(place)];
  const high = PLASMA[Math.floor(place) + 1];
  const part = place - Math.floor(place);
  return `rgb(${low.map((one, channel) => Math.round(one + (high[channel] - one) * part)).join(' ')})`;
}

/** The wave's colours, first to last. On a dark page blue would vanish, on a light one yellow. */
export function wave(isDark: boolean): string[] {
  const [from, to] = isDark ? [0, 0.7] : [0.12, 0.95];
  return Array.from({ length: STEPS }, (_, step) => between(from + ((to - from) * step) / (STEPS - 1)));
}

/** The colour of a node that doesn't have it. */
export function unaware(): string {
  const { isDark } = colours();
  return isDark ? '#3a4653' : '#c3ccd5';
}
