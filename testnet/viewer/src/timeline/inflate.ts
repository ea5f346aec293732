/** Inflates a column, with a bound: the browser's own DecompressionStream, never more bytes than were promised. */
import { TimelineError } from './types';

/** The bytes that `stored` (deflate without a wrapper) stands for, which must be exactly `raw` many; `what` is named if they aren't. */
export async function inflate(stored: Uint8Array, raw: number, what: string): Promise<Uint8Array> {
  const out = new Uint8Array(raw);
  if (raw === 0 && stored.length === 0) return out;
  const stream = new Blob([stored as BlobPart]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const reader = stream.getReader();
  let at = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > raw) throw new TimelineError(`This timeline can't be read: ${what} is longer than the header says. Make it anew.`);
      out.set(value, at);
      at += value.length;
    }
  } catch (error) {
    reader.cancel().catch(() => undefined);
    if (error instanceof TimelineError) throw error;
    throw new TimelineError(`This timeline can't be read: ${what} is damaged. Copy the file again, or make it anew.`);
  }
  if (at !== raw) throw new TimelineError(`This timeline is cut: ${what} ends too early. Copy the file again, or make it anew.`);
  return out;
}
