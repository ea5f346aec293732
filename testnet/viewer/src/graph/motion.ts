/** What moves at a moment: links that were used lately, and messages on their way. Pure functions of the timeline and `t`. */
import type { Run } from '../store';
import { familiesOf } from '../timeline/families';
import { after, atOrAfter } from '../timeline/search';
import { Fate } from '../timeline/types';

/** Most messages that are looked at for links in use: a frame has 8 ms. */
const LOOKED_MAX = 40_000;
/** Most links in use that are drawn, the latest: more of them are a fog. */
const USED_MAX = 2500;
/** Most messages that are drawn on their way. */
export const DOTS_MAX = 2500;
/** Into how many steps a link's use fades. */
export const FADES = 4;

/** Messages to draw. */
export interface Motion {
  /** How many links in use there are in the arrays below. */
  used: number;
  /** The ends over which the last message of each link went. */
  usedEnd: Uint32Array;
  /** Family × FADES + how long ago (0 = just now). */
  usedLook: Uint8Array;
  /** How many messages on their way there are in the arrays below. */
  dots: number;
  dotEnd: Uint32Array;
  /** How far each is, 0 to 1. */
  dotAt: Float32Array;
  dotFamily: Uint8Array;
  /** 1 for a message that is lost. */
  dotLost: Uint8Array;
  /** Whether there are more on their way than are drawn. */
  isCut: boolean;
}

/** Finds what moves in one run, for all items or for one. Arrays are used again by each call. */
export class Mover {
  private readonly family: Uint8Array;
  private readonly seen: Uint32Array;
  private stamp = 0;
  private readonly longest: number;
  private readonly motion: Motion;

  constructor(
    private readonly run: Run,
    private readonly item: number | null,
  ) {
    const { timeline } = run;
    this.family = familiesOf(timeline.header.kinds);
    this.seen = new Uint32Array(timeline.links.rows);
    const room = Math.min(timeline.links.rows, USED_MAX);
    this.motion = {
      used: 0, usedEnd: new Uint32Array(room), usedLook: new Uint8Array(room), dots: 0, dotEnd: new Uint32Array(DOTS_MAX), dotAt: new Float32Array(DOTS_MAX),
      dotFamily: new Uint8Array(DOTS_MAX), dotLost: new Uint8Array(DOTS_MAX), isCut: false,
    };
    this.longest = item === null ? 0 : longestFlight(run, item);
  }

  /** What moves at `t`; a link's use fades over `window` µs. */
  at(t: number, window: number): Motion {
    const { motion } = this;
    motion.used = 0;
    motion.dots = 0;
    motion.isCut = false;
    this.stamp++;
    if (this.item === null) {
      const { from, to } = this.run.model.messagesBetween(t - window, t);
      for (let row = to - 1; row >= from && to - row <= LOOKED_MAX && motion.used < USED_MAX; row--) this.use(row, t, window);
      for (const row of this.run.model.onTheWay(t, DOTS_MAX + 1)) this.fly(row, t);
    } else {
      const { sent } = this.run.timeline.messages;
      const rows = this.run.model.messagesOf(this.item);
      const to = atOrAfter(rows, after(sent, t));
      const since = t - Math.max(window, this.longest);
      for (let at = to - 1; at >= 0 && sent[rows[at]] >= since; at--) {
        if (sent[rows[at]] >= t - window) this.use(rows[at], t, window);
        if (this.run.model.arrival(rows[at]) > t) this.fly(rows[at], t);
      }
    }
    return motion;
  }

  private use(row: number, t: number, window: number): void {
    const { messages } = this.run.timeline;
    const link = messages.end[row] >>> 1;
    if (this.seen[link] === this.stamp || this.motion.used >= USED_MAX) return;
    this.seen[link] = this.stamp;
    const { motion } = this;
    const age = Math.min(FADES - 1, Math.floor(((t - messages.sent[row]) / window) * FADES));
    motion.usedEnd[motion.used] = messages.end[row];
    motion.usedLook[motion.used++] = this.family[messages.kind[row]] * FADES + age;
  }

  private fly(row: number, t: number): void {
    const { motion } = this;
    if (motion.dots >= DOTS_MAX) {
      motion.isCut = true;
      return;
    }
    const { messages } = this.run.timeline;
    const isLost = messages.fate[row] === Fate.lost || messages.fate[row] === Fate.linkWent;
    const place = (t - messages.sent[row]) / Math.max(1, this.run.model.arrival(row) - messages.sent[row]);
    motion.dotEnd[motion.dots] = messages.end[row];
    // What is lost stops half-way: nobody knows where it went.
    motion.dotAt[motion.dots] = isLost ? Math.min(0.5, place) : place;
    motion.dotFamily[motion.dots] = this.family[messages.kind[row]];
    motion.dotLost[motion.dots++] = isLost ? 1 : 0;
  }
}

function longestFlight(run: Run, item: number): number {
  const { sent } = run.timeline.messages;
  let longest = 0;
  for (const row of run.model.messagesOf(item)) longest = Math.max(longest, run.model.arrival(row) - sent[row]);
  return longest;
}
