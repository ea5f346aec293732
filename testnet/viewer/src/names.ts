/** What nodes and items are called on the page. */
import { count } from './format';
import type { Timeline } from './timeline/types';

/** The first bytes of an item's id, in hexadecimal, as many as asked for (8 at most). */
export function hashOf(timeline: Timeline, item: number, length = 8): string {
  const bytes = timeline.items.hash.subarray(item * 8, item * 8 + length);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A node: its name if it has one, or its number. */
export function nodeName(timeline: Timeline, node: number): string {
  return timeline.header.names?.[node] ?? `node ${node}`;
}

/** The region of a node, or an empty text. */
export function regionOf(timeline: Timeline, node: number): string {
  return timeline.header.regions[timeline.nodes.region[node]] ?? '';
}

/** Transaction or block. */
export function itemKind(timeline: Timeline, item: number): string {
  return timeline.items.kind[item] === 1 ? 'block' : 'transaction';
}

/** An item in a few words: item 3 · transaction a1b2c3d4. */
export function itemName(timeline: Timeline, item: number): string {
  return `item ${item} · ${itemKind(timeline, item)} ${hashOf(timeline, item, 4)}`;
}

/** What a run is, in one line. */
export function summary(timeline: Timeline): string {
  const { header, links, items, messages } = timeline;
  const parts = [
    count(header.nodes, 'node'),
    count(links.rows, 'link'),
    count(items.rows, 'item'),
    count(messages.rows, 'message'),
    header.strategy === '' ? '' : `strategy ${header.strategy}`,
    header.seed === '' ? '' : `seed ${header.seed}`,
    header.source,
  ];
  return parts.filter((part) => part !== '').join(' · ');
}
