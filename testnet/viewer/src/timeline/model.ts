/**
 * Answers questions about one timeline. Every answer is a pure function of the timeline and a moment `t`: there is no state that goes
 * forward, so backwards is as fast as forwards, and equal.
 *
 * What an answer needs beyond the columns (groups, sums, checkpoints) is made when it is first asked for, and kept.
 */
import { endOf, Flight } from './flight';
import { countUntil, groupBy, once, rowsOf, type Groups } from './groups';
import { Journeys, type Stages, type Tree } from './journey';
import { Ladders, type Ladder } from './ladder';
import { medianLatency, Moments } from './moments';
import { after, atOrAfter } from './search';
import { NodeStates, type NodeState } from './states';
import { kindsUsed, Traffic, type Bytes } from './traffic';
import type { Timeline } from './types';

/** Rows `from` to before `to` of a table. */
export interface Span {
  from: number;
  to: number;
}

/** One timeline's answers. */
export class Model {
  /** The median time that messages took, µs: what a round is here. */
  readonly round: number;
  /** The last moment, µs. */
  readonly end: number;
  /** Of one item: when nodes had it, from whom, in which messages. */
  readonly journeys: Journeys;
  /** Where to go: next event, share reached. */
  readonly moments: Moments;
  /** Kinds of message that occur, by number in `header.kinds`. */
  readonly kindsUsed: () => readonly number[];
  private readonly flight: () => Flight;
  private readonly traffic: () => Traffic;
  private readonly states: () => NodeStates;
  private readonly ladders: Ladders;
  private readonly byNode: () => Groups;

  constructor(readonly timeline: Timeline) {
    const { deliveries, nodes, messages } = timeline;
    this.end = Math.max(1, timeline.header.end_us);
    this.round = medianLatency(timeline);
    this.journeys = new Journeys(timeline);
    this.kindsUsed = once(() => kindsUsed(timeline));
    this.flight = once(() => new Flight(messages, this.round, this.end));
    this.moments = new Moments(timeline, this.flight, this.journeys);
    this.traffic = once(() => new Traffic(timeline));
    this.states = once(() => new NodeStates(timeline));
    this.ladders = new Ladders(timeline, this.journeys);
    this.byNode = once(() => groupBy(deliveries.rows, nodes.rows, (row) => deliveries.node[row]));
  }

  /** When each node first had an item, µs by node; Infinity = never. */
  firstAt(item: number): Float64Array {
    return this.journeys.firstAt(item);
  }

  /** When each node heard of, asked for and had an item, µs by node; Infinity = never. */
  stages(item: number): Stages {
    return this.journeys.stages(item);
  }

  /** Who had an item from whom. */
  tree(item: number): Tree {
    return this.journeys.tree(item);
  }

  /** How many rows of `deliveries` happened by `t`. */
  deliveriesUntil(t: number): number {
    return after(this.timeline.deliveries.at, t);
  }

  /** How many items were made by `t`. */
  itemsUntil(t: number): number {
    return after(this.timeline.items.at, t);
  }

  /** The share (0 to 1) of the nodes that had `item` by `t`; of all pairs of node and item made by then, if it is null. */
  coverage(item: number | null, t: number): number {
    const nodes = this.timeline.nodes.rows;
    if (item !== null) return nodes === 0 ? 0 : countUntil(this.journeys.deliveries(), item, this.timeline.deliveries.at, t) / nodes;
    const pairs = this.itemsUntil(t) * nodes;
    return pairs === 0 ? 0 : Math.min(1, this.deliveriesUntil(t) / pairs);
  }

  /** How many items a node had by `t`. */
  heldBy(node: number, t: number): number {
    return countUntil(this.byNode(), node, this.timeline.deliveries.at, t);
  }

  /** Rows of `deliveries` of one node, in the order of time. */
  deliveriesOf(node: number): Uint32Array {
    return rowsOf(this.byNode(), node);
  }

  /** Rows of `messages` sent from `t0` to `t1` (both included), µs. */
  messagesBetween(t0: number, t1: number): Span {
    const { sent } = this.timeline.messages;
    return { from: atOrAfter(sent, t0), to: after(sent, t1) };
  }

  /** Rows of `messages` that name or carry an item, in the order of sending. */
  messagesOf(item: number): Uint32Array {
    return this.journeys.messages(item);
  }

  /** Rows of `messages` on their way at `t`, at most `most` (the earliest sent). Lost ones are for a round. */
  onTheWay(t: number, most = Number.MAX_SAFE_INTEGER): number[] {
    const found: number[] = [];
    this.flight().at(t, (row) => found.push(row) < most);
    return found;
  }

  /** When a message stops being on its way, µs; see {@link onTheWay}. */
  arrival(row: number): number {
    return endOf(this.timeline.messages, row, this.round, this.end);
  }

  /** Messages of a node with its neighbours, sent from `t0` to before `t1`; only those of `item` unless it is null. The last `most`. */
  ladder(node: number, item: number | null, t0: number, t1: number, most = 400): Ladder {
    return this.ladders.of(node, item, t0, t1, most);
  }

  /** Bytes that each node had sent by `t`, by kind of message. */
  bytesByNodeAndKind(t: number): Bytes {
    return this.traffic().until(t);
  }

  /** What a node was at `t`. */
  stateOf(node: number, t: number): NodeState {
    return this.states().at(node, t);
  }

  /** Nodes that something happened to (went down, lied, …). */
  get touchedNodes(): readonly number[] {
    return this.states().touched;
  }

  /** The changes of a node's state, in order. */
  changesOf(node: number): { at: number; change: string }[] {
    return this.states().changes(node);
  }

  /** Whether a link was up at `t`. */
  isLinkUp(link: number, t: number): boolean {
    const { up, down } = this.timeline.links;
    return up[link] <= t && (down[link] === 0 || t < up[link] + down[link] - 1);
  }

  /** Numbers of a node's links, whenever they were up. */
  linksOf(node: number): number[] {
    return this.ladders.linksOf(node);
  }

  /** The node that sends at an end of a link. */
  senderOf(end: number): number {
    const { from, to } = this.timeline.links;
    return end & 1 ? to[end >>> 1] : from[end >>> 1];
  }

  /** The node that receives what an end of a link sends. */
  receiverOf(end: number): number {
    return this.senderOf(end ^ 1);
  }
}
