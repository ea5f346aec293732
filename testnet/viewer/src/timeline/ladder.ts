/** The messages of one node with its neighbours, in the order of sending: what a ladder shows. */
import { groupBy, once, remember, rowsOf, type Groups } from './groups';
import type { Journeys } from './journey';
import { after, atOrAfter } from './search';
import { Fate, type Timeline } from './types';

/** One message, seen from a node. */
export interface Rung {
  /** Its row in `messages`. */
  row: number;
  /** Whether the node sent it. */
  isOut: boolean;
  /** Who is at the other end. */
  peer: number;
  /** When it was sent, µs. */
  sent: number;
  /** When it arrived, µs; Infinity if it never did. */
  arrived: number;
}

/** Some messages of a node, and how many there are in all. */
export interface Ladder {
  rungs: Rung[];
  /** Messages between the two moments, those left out included. */
  total: number;
}

/** Nodes whose rows are kept. */
const KEPT_NODES = 16;

/** Answers what passed between a node and its neighbours. */
export class Ladders {
  /** Links by node: each link stands with both its ends. */
  readonly links: () => Groups;
  /** Rows of `messages` that a node sent or was sent, in order. */
  private readonly messages: (node: number) => Uint32Array;

  constructor(
    private readonly timeline: Timeline,
    private readonly journeys: Journeys,
  ) {
    const { links, nodes } = timeline;
    this.links = once(() =>
      groupBy(links.rows * 2, nodes.rows, (end) => (end & 1 ? links.to[end >>> 1] : links.from[end >>> 1])),
    );
    this.messages = remember(KEPT_NODES, (node) => this.messagesOf(node));
  }

  /** Numbers of all links of a node, whenever they were up. */
  linksOf(node: number): number[] {
    return Array.from(rowsOf(this.links(), node), (end) => end >>> 1);
  }

  /**
   * The messages of `node`, sent from `t0` to before `t1` (µs); only those that name or carry `item`, unless it is null. At most `most`: the
   * last ones.
   */
  of(node: number, item: number | null, t0: number, t1: number, most: number): Ladder {
    const rows = item === null ? this.allRows(node, t0, t1) : this.itemRows(node, item, t0, t1);
    return { rungs: rows.slice(Math.max(0, rows.length - most)).map((row) => this.rung(node, row)), total: rows.length };
  }

  private allRows(node: number, t0: number, t1: number): number[] {
    const { sent } = this.timeline.messages;
    const [from, to] = [atOrAfter(sent, t0), atOrAfter(sent, t1)];
    const rows = this.messages(node);
    return Array.from(rows.subarray(atOrAfter(rows, from), atOrAfter(rows, to)));
  }

  /** Looks through all messages: milliseconds for millions, and no index of all nodes for the few that are ever looked at. */
  private messagesOf(node: number): Uint32Array {
    const { links, messages } = this.timeline;
    const isMine = new Uint8Array(links.rows);
    for (const link of this.linksOf(node)) isMine[link] = 1;
    const { end, rows } = messages;
    const found: number[] = [];
    for (let row = 0; row < rows; row++) if (isMine[end[row] >>> 1] === 1) found.push(row);
    return Uint32Array.from(found);
  }

  private itemRows(node: number, item: number, t0: number, t1: number): number[] {
    const { messages, links } = this.timeline;
    const rows = this.journeys.messages(item);
    const found: number[] = [];
    const [from, to] = [atOrAfter(messages.sent, t0), after(messages.sent, t1)];
    for (let at = atOrAfter(rows, from); at < rows.length && rows[at] < to; at++) {
      const link = messages.end[rows[at]] >>> 1;
      if (messages.sent[rows[at]] < t1 && (links.from[link] === node || links.to[link] === node)) found.push(rows[at]);
    }
    return found;
  }

  private rung(node: number, row: number): Rung {
    const { messages, links } = this.timeline;
    const end = messages.end[row];
    const [sender, receiver] = end & 1 ? [links.to[end >>> 1], links.from[end >>> 1]] : [links.from[end >>> 1], links.to[end >>> 1]];
    const hasArrived = messages.fate[row] === Fate.arrived;
    return {
      row,
      isOut: sender === node,
      peer: sender === node ? receiver : sender,
      sent: messages.sent[row],
      arrived: hasArrived ? messages.sent[row] + messages.took[row] : Number.POSITIVE_INFINITY,
    };
  }
}
