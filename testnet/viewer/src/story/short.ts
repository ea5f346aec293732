/** The end of a story: where the time went, and the way that the item came. */
import { count } from '../format';
import { nodeName } from '../names';
import { NEVER, OWN } from '../timeline/journey';
import type { Model } from '../timeline/model';

/** What the steps of a story add up to. */
export interface Sums {
  /** When the node first heard of the item, µs; null: never. */
  heard: number | null;
  /** µs spent on requests in vain. */
  lost: number;
  /** Requests in vain. */
  inVain: number;
  announcers: Set<number>;
  /** When it first asked, µs. */
  asked: number | null;
  /** When its bytes came, µs. */
  cameAt: number | null;
  /** The request that is open in the end. */
  open: { peer: string; at: number } | null;
}

/** One hop of an item's way. */
export interface Hop {
  node: number;
  /** When it had the item, µs. */
  at: number;
}

/** Hops that are told of a long way: the slowest. */
const HOPS_TOLD = 4;

/** The way of an item to a node, from where it was made (or entered by a block); empty if it never came. */
export function pathOf(model: Model, item: number, node: number): Hop[] {
  const { parent } = model.tree(item);
  const first = model.firstAt(item);
  const path: Hop[] = [];
  // A way has no node twice, so it ends; the bound is for a timeline that was made up.
  for (let at = node; at >= 0 && path.length <= parent.length; at = parent[at]) {
    if (parent[at] === NEVER) break;
    path.push({ node: at, at: first[at] });
    if (parent[at] === OWN) break;
  }
  return path.reverse();
}

/** Whether a change of a node costs time. */
export function bad(change: string): boolean {
  return change === 'down' || change === 'paused' || change === 'lying' || change === 'slow';
}

/** The story in a few sentences. */
export function inShort(model: Model, item: number, node: number, sums: Sums): string {
  const { timeline } = model;
  const made = timeline.items.at[item];
  const has = model.firstAt(item)[node];
  if (timeline.items.origin[item] === node + 1) return 'In short: it was made here.';
  const sentences = [`In short: ${ending(model, node, has, made, sums)}.`];
  if (sums.heard !== null && sums.heard > made) {
    const share = Number.isFinite(has) && has > made ? ` (${Math.round(((Math.min(sums.heard, has) - made) / (has - made)) * 100)} % of the time)` : '';
    sentences.push(`Nobody told this node for the first ${millis(sums.heard - made)} ms${share}.`);
  }
  if (sums.inVain > 0) sentences.push(`${millis(sums.lost)} ms went into ${count(sums.inVain, 'request')} in vain.`);
  const way = wayInWords(model, item, node, made);
  if (way !== '') sentences.push(way);
  sentences.push(`${count(sums.announcers.size, 'peer')} announced it.`);
  return sentences.join(' ');
}

function ending(model: Model, node: number, has: number, made: number, sums: Sums): string {
  if (Number.isFinite(has)) return `accepted ${millis(has - made)} ms after it was made`;
  if (!model.stateOf(node, model.end).up) return 'it never came: this node was down in the end';
  if (sums.open !== null) return `not here yet; ${sums.open.peer} has been asked for ${millis(model.end - sums.open.at)} ms`;
  if (sums.inVain > 0) return 'not here: nobody else had announced it, so it was given up until somebody does';
  return sums.heard === null ? 'not here: nobody ever told this node of it' : 'not here';
}

function wayInWords(model: Model, item: number, node: number, made: number): string {
  const path = pathOf(model, item, node);
  if (path.length < 2) return '';
  const hops = path.slice(1).map((hop, index) => ({ from: path[index].node, to: hop.node, took: hop.at - path[index].at }));
  const slow = [...hops].sort((a, b) => b.took - a.took).slice(0, HOPS_TOLD);
  const name = (at: number): string => nodeName(model.timeline, at);
  const begin = path[0].at > made ? `, where it was ${millis(path[0].at - made)} ms after it was made` : '';
  if (hops.length === 1) return `It came straight from ${name(hops[0].from)}${begin}.`;
  const told = slow.map((hop) => `${name(hop.from)} to ${name(hop.to)} ${millis(hop.took)} ms`).join(', ');
  return `It came in ${hops.length} hops from ${name(path[0].node)}${begin}; the slowest: ${told}.`;
}

/** Milliseconds to a tenth, with separators, as `tidings explain` writes them: 5,000.1. */
export function millis(us: number): string {
  return (Math.round(us / 100) / 10).toLocaleString('en-GB', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
