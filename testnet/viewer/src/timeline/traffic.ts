/**
 * Sums over messages up to a moment, by node and kind.
 *
 * Sums are kept at checkpoints; a question takes the last checkpoint before its moment and adds the few messages since.
 */
import { after } from './search';
import { Fate, type Timeline } from './types';

/** Most bytes that the checkpoints of one table take. */
const CHECKPOINT_BYTES_MAX = 32 << 20;
/** Fewest messages between two checkpoints. */
const CHECKPOINT_ROWS_MIN = 4096;

/** Sums up to a moment, of which some are kept. */
export class Checkpoints {
  private readonly kept: Float64Array[] = [];
  private readonly every: number;

  /** `rows` rows are added in order to a table of `cells` sums by `add`. */
  constructor(
    private readonly rows: number,
    private readonly cells: number,
    private readonly add: (row: number, table: Float64Array) => void,
  ) {
    const room = Math.max(1, Math.floor(CHECKPOINT_BYTES_MAX / (8 * Math.max(1, cells))));
    this.every = Math.max(CHECKPOINT_ROWS_MIN, Math.ceil(rows / room));
    const table = new Float64Array(cells);
    for (let row = 0; row < rows; row++) {
      if (row % this.every === 0) this.kept.push(table.slice());
      add(row, table);
    }
  }

  /** The sums of rows 0 to `row`, without it: a table of its own. */
  before(row: number): Float64Array {
    const wanted = Math.min(row, this.rows);
    const index = Math.min(Math.floor(wanted / this.every), this.kept.length - 1);
    if (index < 0) return new Float64Array(this.cells);
    const table = this.kept[index].slice();
    for (let at = index * this.every; at < wanted; at++) this.add(at, table);
    return table;
  }
}

/** Bytes by node and kind, as a table. */
export interface Bytes {
  /** Kinds that the timeline has, by number in `header.kinds`: the table's columns. */
  kinds: number[];
  /** Bytes: node × kinds.length + column. */
  table: Float64Array;
}

/** The kinds that occur in a timeline. */
export function kindsUsed(timeline: Timeline): number[] {
  const seen = new Uint8Array(timeline.header.kinds.length);
  const { kind, rows } = timeline.messages;
  for (let row = 0; row < rows; row++) seen[kind[row]] = 1;
  return [...seen.keys()].filter((kind) => seen[kind] === 1);
}

/** Answers how many bytes each node had sent by each kind of message. A message counts when it is sent. */
export class Traffic {
  private readonly columns: number[];
  private readonly sums: Checkpoints;

  constructor(private readonly timeline: Timeline) {
    const { messages, links, header } = timeline;
    this.columns = kindsUsed(timeline);
    const column = new Int32Array(header.kinds.length).fill(-1);
    this.columns.forEach((kind, index) => (column[kind] = index));
    const width = this.columns.length;
    this.sums = new Checkpoints(messages.rows, header.nodes * width, (row, table) => {
      const end = messages.end[row];
      const node = end & 1 ? links.to[end >>> 1] : links.from[end >>> 1];
      table[node * width + column[messages.kind[row]]] += messages.bytes[row];
    });
  }

  /** Bytes that were sent by `t`. */
  until(t: number): Bytes {
    return { kinds: this.columns, table: this.sums.before(after(this.timeline.messages.sent, t)) };
  }
}

/** Whether a message arrived by `t`. */
export function hasArrived(timeline: Timeline, row: number, t: number): boolean {
  const { messages } = timeline;
  return messages.fate[row] === Fate.arrived && messages.sent[row] + messages.took[row] <= t;
}
