/** Which part of a node's life its ladder shows, and who stands in it. Pure. */
import type { Run } from '../store';
import type { Ladder, Rung } from '../timeline/ladder';
import { itemRange } from '../play/range';

/** Most messages in a ladder. */
export const RUNGS_MAX = 120;
/** Most neighbours that have a column. */
export const COLUMNS_MAX = 10;
/** Without an item the ladder shows so many rounds before the moment. */
const ROUNDS = 12;

/** A ladder to draw. */
export interface Picture {
  ladder: Ladder;
  /** The neighbours, in the order in which they first spoke. */
  peers: number[];
  from: number;
  to: number;
}

/** The ladder of a node: the whole life of the chosen item there; without one, the last rounds before `t`. */
export function pictureOf(run: Run, node: number, item: number | null, t: number): Picture {
  const [from, to] = item === null ? [Math.max(0, t - ROUNDS * run.model.round), t + 1] : [0, itemRange(run, item).to + run.model.round];
  const ladder = run.model.ladder(node, item, from, to, RUNGS_MAX);
  const peers = [...new Set(ladder.rungs.map((rung) => rung.peer))];
  if (item === null) return { ladder, peers, from, to };
  const moments = ladder.rungs.flatMap(({ sent, arrived }) => [sent, Number.isFinite(arrived) ? arrived : sent]);
  return { ladder, peers, from: Math.min(...moments, to), to: Math.max(...moments, 0) };
}

/** What a message said, in the words of the ladder. */
export function words(run: Run, rung: Rung): string {
  const { messages, header } = run.timeline;
  const count = messages.count[rung.row];
  const kind = header.kinds[messages.kind[rung.row]];
  return count > 1 ? `${kind} (${count} items)` : kind;
}

/** How many messages of a ladder had been sent at `t`. */
export function sentUntil(rungs: readonly Rung[], t: number): number {
  let until = rungs.length;
  while (until > 0 && rungs[until - 1].sent > t) until--;
  return until;
}
