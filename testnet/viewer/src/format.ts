/** Numbers as people read them. */

/** Made once: a browser takes milliseconds for each. */
const NUMBERS = new Intl.NumberFormat('en-GB');

/** A duration or a moment in µs: 850 µs, 12.3 ms, 1.234 s, 2 min 05 s. */
export function time(us: number): string {
  if (!Number.isFinite(us)) return 'never';
  const size = Math.abs(us);
  if (size < 1000) return `${Math.round(us)} µs`;
  if (size < 99_950) return `${(us / 1000).toFixed(1)} ms`;
  if (size < 999_500) return `${Math.round(us / 1000)} ms`;
  if (size < 1e7) return `${(us / 1e6).toFixed(3)} s`;
  if (size < 119_950_000) return `${(us / 1e6).toFixed(1)} s`;
  const seconds = Math.round(us / 1e6);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** A moment in µs as a clock shows it, always to the millisecond: 0.000 s, 72.034 s. */
export function clock(us: number): string {
  return `${(us / 1e6).toFixed(3)} s`;
}

/** A moment in µs beside an axis, as short as it can be: 0, 250 ms, 1.5 s. */
export function tick(us: number): string {
  if (us === 0) return '0';
  const short = (number: number): string => String(Number(number.toPrecision(4)));
  if (Math.abs(us) < 1000) return `${short(us)} µs`;
  return Math.abs(us) < 1e6 ? `${short(us / 1000)} ms` : `${short(us / 1e6)} s`;
}

/** Bytes: 820 B, 12.3 kB, 4.56 MB. */
export function bytes(count: number): string {
  if (count < 1000) return `${Math.round(count)} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kB`;
  if (count < 1e9) return `${(count / 1e6).toFixed(2)} MB`;
  return `${(count / 1e9).toFixed(2)} GB`;
}

/** A whole number with thousands set apart: 12,345. */
export function whole(count: number): string {
  return NUMBERS.format(Math.round(count));
}

/** A share of 1 as a percentage: 0 %, 4.2 %, 99.5 %, 100 %. It is 100 % only when nothing is missing. */
export function share(part: number): string {
  if (part <= 0) return '0 %';
  if (part >= 1) return '100 %';
  const percent = Math.min(part * 100, 99.9);
  return `${percent < 10 || percent > 99 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** One thing or several: 1 node, 2 nodes. */
export function count(number: number, one: string, several = `${one}s`): string {
  return `${whole(number)} ${number === 1 ? one : several}`;
}
