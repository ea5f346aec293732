/** Kinds of message, by what they are for: a picture has room for six colours, and the wire has fifty kinds. */

/** What a message is for. */
export type Family = 'announcement' | 'request' | 'item' | 'block' | 'repair' | 'other';

/** All families, in the order in which they are named in pictures. */
export const FAMILIES: readonly Family[] = ['announcement', 'request', 'item', 'block', 'repair', 'other'];

/** What a family's messages do, in a few words. */
export const FAMILY_WORDS: Record<Family, string> = {
  announcement: 'announcements (who has an item)',
  request: 'requests (asking for an item)',
  item: 'transactions',
  block: 'blocks and their parts',
  repair: 'repair (comparing what is held)',
  other: 'all else (hello, ping, addresses, …)',
};

const BY_KIND: Record<string, Family> = {
  announce: 'announcement',
  known: 'announcement',
  first: 'announcement',
  lacked: 'repair',
  getdata: 'request',
  poll: 'request',
  getparts: 'request',
  getheaders: 'request',
  getlisted: 'request',
  getsymbols: 'request',
  tx: 'item',
  block: 'block',
  compact: 'block',
  parts: 'block',
  headers: 'block',
  bytemplate: 'block',
  template: 'block',
  listed: 'block',
  symbol: 'block',
  offer: 'announcement',
  digest: 'repair',
  held: 'repair',
  cells: 'repair',
  want: 'repair',
  replica: 'repair',
};

/** The family of a kind, by the kind's name on the wire. */
export function familyOf(kind: string): Family {
  return BY_KIND[kind] ?? 'other';
}

/** For each kind of a timeline, the number of its family in {@link FAMILIES}. */
export function familiesOf(kinds: readonly string[]): Uint8Array {
  return Uint8Array.from(kinds, (kind) => FAMILIES.indexOf(familyOf(kind)));
}
