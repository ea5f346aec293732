/** What one table says of another, checked once when a file is read, so that nothing after it needs to. */
import { TimelineError, type Timeline } from './types';

/** Throws if a row names a row that there is not, or if times go backwards. */
export function check(timeline: Timeline): void {
  const { header, nodes, links, items, messages, named, deliveries, states, samples } = timeline;
  if (nodes.rows !== header.nodes) fail(`it has ${nodes.rows} places for ${header.nodes} nodes`);
  below(links.from, nodes.rows, 'links.from');
  below(links.to, nodes.rows, 'links.to');
  below(items.origin, nodes.rows + 1, 'items.origin');
  below(messages.end, 2 * links.rows, 'messages.end');
  below(messages.kind, header.kinds.length, 'messages.kind');
  below(messages.fate, 4, 'messages.fate');
  if (messages.first[messages.rows] !== named.rows) fail('its messages name more or fewer items than are listed');
  below(named.item, items.rows, 'named.item');
  below(deliveries.node, nodes.rows, 'deliveries.node');
  below(deliveries.item, items.rows, 'deliveries.item');
  below(deliveries.from, 2 * links.rows + 1, 'deliveries.from');
  below(states.node, nodes.rows, 'states.node');
  below(states.state, header.states.length, 'states.state');
  below(samples.node, nodes.rows, 'samples.node');
  forwards(messages.sent, 'messages.sent');
  forwards(deliveries.at, 'deliveries.at');
  forwards(states.at, 'states.at');
  forwards(samples.at, 'samples.at');
}

function below(column: Uint32Array | Uint8Array, bound: number, what: string): void {
  if (column.length === 0) return;
  const most = column instanceof Uint32Array ? largest(column) : largestByte(column);
  if (most >= bound) fail(`row ${column.indexOf(most)} of "${what}" names ${most}, and there are ${bound}`);
}

/** The largest number of a column, 0 if there is none. */
export function largest(column: Uint32Array): number {
  let most = 0;
  for (let row = 0; row < column.length; row++) if (column[row] > most) most = column[row];
  return most;
}

function largestByte(column: Uint8Array): number {
  let most = 0;
  for (let row = 0; row < column.length; row++) if (column[row] > most) most = column[row];
  return most;
}

function forwards(column: Float64Array, what: string): void {
  let last = 0;
  for (let row = 0; row < column.length; row++) {
    if (column[row] < last) fail(`the times of "${what}" go backwards at row ${row}`);
    last = column[row];
  }
}

function fail(what: string): never {
  throw new TimelineError(`This timeline can't be read: ${what}. Make it anew.`);
}
