/** Bytes by node and kind of message, as a picture of cells. Pure. */
import type { Bytes } from '../timeline/traffic';

/** The order in which nodes and kinds stand. */
export interface Order {
  /** Nodes, the one that sent most first. */
  nodes: Uint32Array;
  /** Columns of {@link Bytes.table}, the kind of most bytes first. */
  columns: number[];
  /** The most bytes in any cell. */
  most: number;
}

/** Totals of one kind. */
export interface KindTotal {
  /** Number in `header.kinds`. */
  kind: number;
  bytes: number;
  /** Bytes of the node that sent most of it. */
  most: number;
  /** Bytes that the median node sent. */
  median: number;
}

/** The order by all bytes of a table; nodes that sent as much stand by their number. */
export function orderOf({ kinds, table }: Bytes, nodes: number): Order {
  const byNode = new Float64Array(nodes);
  const byColumn = new Float64Array(kinds.length);
  let most = 0;
  for (let node = 0; node < nodes; node++) {
    for (let column = 0; column < kinds.length; column++) {
      const bytes = table[node * kinds.length + column];
      byNode[node] += bytes;
      byColumn[column] += bytes;
      if (bytes > most) most = bytes;
    }
  }
  const sorted = Uint32Array.from(byNode.keys()).sort((a, b) => byNode[b] - byNode[a] || a - b);
  const columns = [...kinds.keys()].sort((a, b) => byColumn[b] - byColumn[a] || a - b);
  return { nodes: sorted, columns, most };
}

/** How bright a cell is, 0 (nothing) to 1 (`most`): logarithmic, so that both a ping and a block are seen. */
export function brightness(bytes: number, most: number): number {
  if (bytes <= 0 || most <= 1) return 0;
  return Math.max(0.06, Math.log(bytes + 1) / Math.log(most + 1));
}

/** Nodes `from` to before `to` of an order that one pixel column of `width` shows. */
export function nodesAt(place: number, width: number, nodes: number): { from: number; to: number } {
  const from = Math.min(nodes - 1, Math.floor((place * nodes) / width));
  return { from, to: Math.max(from + 1, Math.min(nodes, Math.ceil(((place + 1) * nodes) / width))) };
}

/** The totals of each kind, in the order of an order. */
export function totalsOf({ kinds, table }: Bytes, order: Order): KindTotal[] {
  return order.columns.map((column) => {
    const sent = Float64Array.from(order.nodes, (node) => table[node * kinds.length + column]).sort();
    return { kind: kinds[column], bytes: sent.reduce((sum, bytes) => sum + bytes, 0), most: sent.at(-1) ?? 0, median: sent[sent.length >>> 1] ?? 0 };
  });
}

/** Bytes of one node, all kinds together. */
export function bytesOf({ kinds, table }: Bytes, node: number): number {
  let sum = 0;
  for (let column = 0; column < kinds.length; column++) sum += table[node * kinds.length + column];
  return sum;
}
