/** Where runs come from: embedded in the page, served beside it, or opened by the user. */
import { store } from './store';
import { decode } from './timeline/decode';
import { TimelineError } from './timeline/types';

/** What the page was given. */
export interface Source {
  name: string;
  /** Its bytes; throws if they can't be had. */
  bytes: () => Promise<Uint8Array>;
}

/** Most runs that are open at once: what comparisons have colours for. */
export const RUNS_MAX = 6;

/** The bytes that a base64 text stands for. */
export function fromBase64(text: string): Uint8Array {
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Sources that stand in the document: embedded ones, then served ones. */
export function sourcesOf(document: Document): Source[] {
  const embedded = [...document.querySelectorAll<HTMLScriptElement>('script.timeline')].map((script) => ({
    name: script.dataset.name ?? 'run',
    bytes: async () => fromBase64(script.textContent ?? ''),
  }));
  const listed = document.getElementById('sources')?.textContent ?? '[]';
  const served = parseList(listed).map(({ name, url }) => ({ name, bytes: () => fetchBytes(url) }));
  return [...embedded, ...served];
}

function parseList(text: string): { name: string; url: string }[] {
  try {
    const json: unknown = JSON.parse(text);
    if (!Array.isArray(json)) return [];
    return json.filter(
      (one): one is { name: string; url: string } => typeof one?.name === 'string' && typeof one?.url === 'string',
    );
  } catch {
    return [];
  }
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const answer = await fetch(url);
  if (!answer.ok) throw new TimelineError(`The server answered ${answer.status} to ${url}. Is tidings-testnet view still running?`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** A file that the user gave. */
export function fileSource(file: File): Source {
  return { name: file.name.replace(/\.[^.]*$/, ''), bytes: async () => new Uint8Array(await file.arrayBuffer()) };
}

/** Opens sources one after another, each as a run; what can't be opened is said. Gives the place of the first that was, or null. */
export async function open(sources: readonly Source[]): Promise<number | null> {
  let first: number | null = null;
  for (const source of sources) {
    if (store.state.runs.length >= RUNS_MAX) {
      store.set({ notice: `${RUNS_MAX} runs are open, and no more can be told apart. Reload the page to open others.` });
      break;
    }
    try {
      const place = store.addRun(source.name, await decode(await source.bytes()));
      first ??= place;
    } catch (error) {
      store.set({ notice: `${source.name}: ${sentenceOf(error)}` });
    }
  }
  return first;
}

function sentenceOf(error: unknown): string {
  if (error instanceof TimelineError) return error.message;
  if (error instanceof RangeError) return 'This timeline is too large for this browser. Record fewer items (--trace-items), or a shorter run.';
  return `It can't be opened: ${error instanceof Error ? error.message : String(error)}`;
}
