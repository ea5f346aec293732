/** How fast time goes by: simulated seconds a second. */

/** All speeds, from slow to fast. */
export const SPEEDS: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** The speed `steps` places faster (or slower, if negative) than the nearest to `speed`. */
export function faster(speed: number, steps: number): number {
  const nearest = SPEEDS.reduce((best, one, place) => (Math.abs(Math.log(one / speed)) < Math.abs(Math.log(SPEEDS[best] / speed)) ? place : best), 0);
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, nearest + steps))];
}

/** The speed at which `us` of the run take about `seconds`. */
export function speedFor(us: number, seconds: number): number {
  return faster(Math.max(1e-6, us / 1e6 / seconds), 0);
}
