/**
 * Why a node had an item when it had it: what passed between it and its neighbours, in the sentences of `tidings explain`. A timeline knows
 * more than the node did: what was lost on the way, how long each message travelled, and which way the item had come.
 *
 * All here is pure.
 */
import { familyOf } from './timeline/families';
import type { Rung } from './timeline/ladder';
import type { Model } from './timeline/model';
import { Fate, type Timeline } from './timeline/types';
import { nodeName } from './names';
import { bad, inShort, millis, type Sums } from './story/short';

/** One sentence of a story. */
export interface Step {
  /** When, µs. */
  at: number;
  text: string;
  /** Whether it cost time. */
  isBad: boolean;
}

/** What happened between a node and its neighbours about one item. */
export interface Story {
  steps: Step[];
  /** The whole in a few sentences. */
  inShort: string;
}

/** Most messages that a story is made of; the last ones. */
const RUNGS_MAX = 2000;
/** A wait between the first announcement and the first request that is told, µs. A guess: longer than a node thinks. */
const WAIT_TOLD = 50_000;
/** Most steps that are told. */
const STEPS_MAX = 60;

/** A message, once it leaves and once it arrives; or a change of the node itself. */
type Happening = { at: number; rank: number } & (
  | { what: 'left' | 'came'; rung: Rung; family: string; kind: string }
  | { what: 'accepted' }
  | { what: 'changed'; change: string; node: number }
);

/** Why `node` had `item` when it had it, or hasn't. */
export function storyOf(model: Model, item: number, node: number): Story {
  const teller = new Teller(model, node);
  for (const happening of happenings(model, item, node)) teller.take(happening);
  const { steps } = teller;
  return { steps: steps.slice(0, STEPS_MAX), inShort: inShort(model, item, node, teller.sums) };
}

/**
 * Nodes from the slowest: those that never had the item, then those that had it last; at most `most`. Whoever is down in the end comes after
 * all others: why it has nothing is plain.
 */
export function slowest(model: Model, item: number, most: number): number[] {
  const first = model.firstAt(item);
  const nodes = Array.from(first.keys());
  const isDown = new Set(model.touchedNodes.filter((node) => !model.stateOf(node, model.end).up));
  nodes.sort((a, b) => Number(isDown.has(a)) - Number(isDown.has(b)) || (first[a] === first[b] ? a - b : first[b] - first[a]));
  return nodes.slice(0, most);
}

function happenings(model: Model, item: number, node: number): Happening[] {
  const { timeline } = model;
  const { header, messages } = timeline;
  const { rungs } = model.ladder(node, item, 0, model.end + 1, RUNGS_MAX);
  const found: Happening[] = [];
  const peers = new Set<number>();
  for (const rung of rungs) {
    const kind = header.kinds[messages.kind[rung.row]];
    const family = familyOf(kind);
    peers.add(rung.peer);
    if (rung.isOut) found.push({ at: rung.sent, rank: 2, what: 'left', rung, family, kind });
    else if (Number.isFinite(rung.arrived)) found.push({ at: rung.arrived, rank: 0, what: 'came', rung, family, kind });
    else if (messages.fate[rung.row] !== Fate.underWay) found.push({ at: rung.sent, rank: 0, what: 'left', rung, family, kind });
  }
  const has = model.firstAt(item)[node];
  if (Number.isFinite(has)) found.push({ at: has, rank: 1, what: 'accepted' });
  const until = Number.isFinite(has) ? has : model.end;
  for (const one of [node, ...peers]) {
    for (const { at, change } of model.changesOf(one)) {
      if (at >= timeline.items.at[item] && at <= until) found.push({ at, rank: 3, what: 'changed', change, node: one });
    }
  }
  return found.sort((a, b) => a.at - b.at || a.rank - b.rank);
}

/** What is asked for and not here yet. */
interface Open {
  peer: number;
  at: number;
}

/** Tells one happening after another, and knows what was before. */
class Teller {
  readonly steps: Step[] = [];
  readonly sums: Sums = { heard: null, lost: 0, inVain: 0, announcers: new Set(), asked: null, cameAt: null, open: null };
  private open: Open | null = null;
  private has = false;
  private told = 0;
  private readonly introduced = new Set<number>();

  constructor(
    private readonly model: Model,
    private readonly node: number,
  ) {}

  take(happening: Happening): void {
    const { at } = happening;
    if (happening.what === 'accepted') this.accepted(at);
    else if (happening.what === 'changed') this.changed(at, happening.node, happening.change);
    else if (happening.what === 'left') this.left(at, happening.rung, happening.family, happening.kind);
    else this.came(at, happening.rung, happening.family, happening.kind);
    this.sums.open = this.open === null ? null : { peer: this.name(this.open.peer), at: this.open.at };
  }

  private say(at: number, text: string, isBad = false): void {
    this.steps.push({ at, text, isBad });
  }

  private get timeline(): Timeline {
    return this.model.timeline;
  }

  private name(node: number): string {
    return nodeName(this.timeline, node);
  }

  /** A peer: with the link's direction when it comes up for the first time. */
  private peer(rung: Rung): string {
    if (this.introduced.has(rung.peer)) return this.name(rung.peer);
    this.introduced.add(rung.peer);
    const dialled = this.timeline.links.from[this.timeline.messages.end[rung.row] >>> 1] === this.node;
    return `${this.name(rung.peer)} (${dialled ? 'outbound' : 'inbound'})`;
  }

  private accepted(at: number): void {
    this.has = true;
    const came = this.sums.cameAt;
    const after = came !== null && at > came ? `; checking took ${millis(at - came)} ms` : '';
    this.say(at, `accepted${after}`);
    this.open = null;
  }

  private changed(at: number, node: number, change: string): void {
    const who = node === this.node ? 'this node' : this.name(node);
    const words: Record<string, string> = {
      up: 'came up', down: 'went down', paused: 'stood still from here on', resumed: 'went on', lying: 'began to lie: it announces and does not deliver',
      honest: 'was honest again', slow: 'became slow', quick: 'was no longer slow',
    };
    this.say(at, `${who} ${words[change] ?? change}`, bad(change));
    if (change === 'down' && this.open?.peer === node) this.giveUp(at);
  }

  /** A message left this node, or was sent to it and never came. */
  private left(at: number, rung: Rung, family: string, kind: string): void {
    const never = this.neverCame(rung);
    if (!rung.isOut) {
      const what = family === 'announcement' ? 'announced it' : family === 'item' || family === 'block' ? 'sent it' : `sent ${kind}`;
      this.say(at, `${this.peer(rung)} ${what}, but ${never}`, true);
      return;
    }
    if (family === 'request') this.asks(at, rung, never);
    else if (family === 'announcement' || family === 'item' || family === 'block') this.tells(at, rung);
    else if (family === 'repair' && !this.has) this.say(at, `compared what it holds with ${this.peer(rung)} (${kind})`);
  }

  private asks(at: number, rung: Rung, never: string | null): void {
    const who = this.peer(rung);
    const waited = this.sums.asked === null && this.sums.heard !== null ? at - this.sums.heard : 0;
    let text = `asked ${who} for it`;
    if (this.has) text = `asked ${who} for it, too, though it was here`;
    else if (waited >= WAIT_TOLD) text = `asked ${who} for it, after ${millis(waited)} ms in which it waited whether somebody sends it unasked`;
    else if (this.open !== null && this.open.peer !== rung.peer) {
      text = `asked ${who} instead: ${this.name(this.open.peer)} had ${millis(at - this.open.at)} ms and did not deliver`;
      this.giveUp(at);
    } else if (this.sums.inVain > 0) text = `asked ${who} instead, as the next announcer`;
    if (never !== null) text += `, but ${never}`;
    this.say(at, text, never !== null);
    if (this.has) return;
    this.sums.asked ??= at;
    this.open = { peer: rung.peer, at };
  }

  /** After it has the item, what it tells others matters no more than as a number. */
  private tells(at: number, rung: Rung): void {
    this.told++;
    if (this.told === 1 && !this.has) this.say(at, `announced or sent it to others, ${this.name(rung.peer)} first`);
  }

  /** A message came in. */
  private came(at: number, rung: Rung, family: string, kind: string): void {
    if (family === 'announcement') this.hears(at, rung);
    else if (kind === 'notfound') {
      this.say(at, `${this.peer(rung)} answered that it doesn't have it (notfound)`, true);
      if (this.open?.peer === rung.peer) this.giveUp(at);
    } else if (family === 'item' || family === 'block') this.gets(at, rung, kind);
    else if (family === 'request') {
      if (!this.has) this.say(at, `${this.peer(rung)} asked for it, but it wasn't here`);
    } else if (family === 'repair' && !this.has) this.say(at, `${this.peer(rung)} compared what it holds (${kind})`);
  }

  private hears(at: number, rung: Rung): void {
    const who = this.peer(rung);
    this.sums.announcers.add(rung.peer);
    this.sums.heard ??= at;
    const way = `, ${millis(at - rung.sent)} ms after it left there`;
    if (this.has) return;
    if (this.open !== null) this.say(at, `${who} announced it; kept in reserve, because ${this.name(this.open.peer)} was being asked`);
    else this.say(at, `${who} announced it${way}`);
  }

  private gets(at: number, rung: Rung, kind: string): void {
    const who = this.peer(rung);
    const size = kind === 'tx' || kind === 'block' ? 'it' : `it in another form (${kind})`;
    if (this.has) {
      this.say(at, `${who} sent ${size}, too; it was here already`);
      return;
    }
    this.sums.heard ??= at;
    this.sums.cameAt = at;
    if (this.open === null || this.open.peer !== rung.peer) {
      this.say(at, `${who} sent ${size}, without being asked at the time; it travelled ${millis(at - rung.sent)} ms`);
    } else {
      const before = millis(Math.max(0, rung.sent - this.open.at));
      this.say(at, `${who} sent ${size}, ${millis(at - this.open.at)} ms after it was asked: ${before} ms until it left there, ${millis(at - rung.sent)} ms on its way`);
    }
    if (kind === 'tx' || kind === 'block') this.open = null;
  }

  /** The open request came to nothing. */
  private giveUp(at: number): void {
    if (this.open === null) return;
    this.sums.lost += at - this.open.at;
    this.sums.inVain++;
    this.open = null;
  }

  /** Why a message never came; null if it did, or is still on its way. */
  private neverCame(rung: Rung): string | null {
    const fate = this.timeline.messages.fate[rung.row];
    if (fate === Fate.lost) return this.model.stateOf(rung.isOut ? rung.peer : this.node, rung.sent).up ? 'that was lost on the way' : 'the receiver was down';
    return fate === Fate.linkWent ? 'the link went down before it came' : null;
  }
}
