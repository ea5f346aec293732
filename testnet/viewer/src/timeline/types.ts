/**
 * What a timeline is once it is read: the header as it stands in the file, and each table's columns as typed arrays under the file's names.
 *
 * Times are microseconds since the timeline's start. Rows are numbered from 0; other tables name them by these numbers.
 */

/** A thing that went wrong on purpose. */
export interface Fault {
  kind: string;
  /** When it began, µs. */
  at_us: number;
  /** When it was mended, µs; null if it never was. */
  until_us: number | null;
  /** What it was, in words. */
  text: string;
  /** The nodes that it struck. */
  nodes: number[];
}

/** A moment that somebody gave a name. */
export interface Mark {
  at_us: number;
  text: string;
}

/** Where a column lies in a file, and how it is coded. */
export interface StoredColumn {
  /** First byte, counted from the end of the header. */
  offset: number;
  /** Bytes as stored (deflated). */
  length: number;
  /** Bytes once inflated. */
  raw: number;
  coding: string;
}

/** A table as the header describes it. */
export interface StoredTable {
  rows: number;
  columns: Record<string, StoredColumn>;
}

/** The header of a timeline. */
export interface Header {
  title: string;
  source: 'simulated' | 'launched' | 'captured';
  /** When it began, µs of Unix time; 0 if simulated. */
  began_unix_us: number;
  /** The end, µs after the start. */
  end_us: number;
  seed: string;
  event_hash: string | null;
  manifest: string;
  scenario: unknown;
  strategy: string;
  /** How many nodes. */
  nodes: number;
  names: string[] | null;
  regions: string[];
  /** Names of the kinds of message, by number. */
  kinds: string[];
  /** Names of the changes of a node's state, by number. */
  states: string[];
  faults: Fault[];
  marks: Mark[];
  /** Only items whose number is a multiple of this were followed. */
  kept_items_one_of: number;
  /** Rows that the recorder left out, because a bound was reached. */
  dropped_rows: number;
  /** Why the run doesn't count; empty if it does. */
  invalid_reasons: string[];
  tables: Record<string, StoredTable>;
}

/** Where nodes stand (row = node). Coordinates are 0 to 65,535. */
export interface Nodes {
  rows: number;
  x: Uint16Array;
  y: Uint16Array;
  map_x: Uint16Array;
  map_y: Uint16Array;
  region: Uint32Array;
}

/** Links (row = link). `from` dialled `to`. */
export interface Links {
  rows: number;
  from: Uint32Array;
  to: Uint32Array;
  /** When it came up, µs. */
  up: Float64Array;
  /** µs after `up` when it went down, plus 1; 0 = it stays. */
  down: Float64Array;
}

/** Items (row = item). */
export interface Items {
  rows: number;
  /** 0 transaction, 1 block. */
  kind: Uint8Array;
  /** The first 8 bytes of each id, one item after another. */
  hash: Uint8Array;
  /** Bytes. */
  size: Uint32Array;
  /** The node that made it, plus 1; 0 = unknown. */
  origin: Uint32Array;
  /** When it was made, µs. */
  at: Float64Array;
}

/** Messages, by time of sending. */
export interface Messages {
  rows: number;
  /** µs. */
  sent: Float64Array;
  /** The end of a link that sends: link × 2, plus 1 if `to` sends to `from`. */
  end: Uint32Array;
  kind: Uint8Array;
  bytes: Uint32Array;
  /** µs until it was handed in; 0 unless it arrived. At most 2³² − 1 (71 minutes), which longer ones are shown as. */
  took: Uint32Array;
  /** See {@link Fate}. */
  fate: Uint8Array;
  /** How many followed items it names or carries. */
  count: Uint32Array;
  /** Where a message's items begin in `named` (length rows + 1): prefix sums of `count`. */
  first: Uint32Array;
}

/** What became of a message. */
export const Fate = { arrived: 0, lost: 1, linkWent: 2, underWay: 3 } as const;

/** The items that messages name or carry, in the order of the messages. */
export interface Named {
  rows: number;
  item: Uint32Array;
}

/** First acceptances of an item by a node, by time. */
export interface Deliveries {
  rows: number;
  at: Float64Array;
  node: Uint32Array;
  item: Uint32Array;
  /** The end that brought it, plus 1; 0 = its own, or in a block. */
  from: Uint32Array;
}

/** Changes of nodes' states, by time. */
export interface States {
  rows: number;
  at: Float64Array;
  node: Uint32Array;
  /** Index into `header.states`. */
  state: Uint8Array;
}

/** What waited in nodes, by time. */
export interface Samples {
  rows: number;
  at: Float64Array;
  node: Uint32Array;
  /** Announcements that wait to leave. */
  waiting: Uint32Array;
  /** Requests in flight. */
  asked: Uint32Array;
  /** Bytes on their way to the node. */
  queued: Uint32Array;
}

/** One run, read. It is never changed. */
export interface Timeline {
  header: Header;
  nodes: Nodes;
  links: Links;
  items: Items;
  messages: Messages;
  named: Named;
  deliveries: Deliveries;
  states: States;
  samples: Samples;
}

/** A file that can't be shown. Its message is a sentence for people: what was wrong, and what to do. */
export class TimelineError extends Error {
  override name = 'TimelineError';
}
