/** Reads the header's JSON. What a picture can do without gets a default; the rest must be there. */
import { TimelineError, type Fault, type Header, type Mark, type StoredTable } from './types';

type Json = Record<string, unknown>;

/** The header that a text is; throws if it is none. */
export function headerOf(text: string): Header {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw bad('its header is no JSON');
  }
  if (!isObject(json)) throw bad('its header is no JSON object');
  const tables = json.tables;
  if (!isObject(tables)) throw bad('its header names no tables');
  const nodes = number(json.nodes, -1);
  if (!Number.isSafeInteger(nodes) || nodes < 0) throw bad('its header does not say how many nodes there are');
  return {
    title: string(json.title, 'A run without a title'),
    source: json.source === 'launched' || json.source === 'captured' ? json.source : 'simulated',
    began_unix_us: number(json.began_unix_us, 0),
    end_us: Math.max(0, number(json.end_us, 0)),
    seed: string(json.seed, ''),
    event_hash: typeof json.event_hash === 'string' ? json.event_hash : null,
    manifest: string(json.manifest, ''),
    scenario: json.scenario ?? null,
    strategy: string(json.strategy, ''),
    nodes,
    names: Array.isArray(json.names) ? json.names.map(String) : null,
    regions: strings(json.regions),
    kinds: strings(json.kinds),
    states: strings(json.states),
    faults: list(json.faults).map((fault) => faultOf(fault, nodes)),
    marks: list(json.marks).map(markOf),
    kept_items_one_of: Math.max(1, number(json.kept_items_one_of, 1)),
    dropped_rows: number(json.dropped_rows, 0),
    invalid_reasons: strings(json.invalid_reasons),
    tables: tables as Record<string, StoredTable>,
  };
}

function faultOf(json: Json, nodes: number): Fault {
  const struck = Array.isArray(json.nodes) ? json.nodes : [];
  return {
    kind: string(json.kind, 'fault'),
    at_us: number(json.at_us, 0),
    until_us: typeof json.until_us === 'number' ? json.until_us : null,
    text: string(json.text, ''),
    nodes: struck.filter((node): node is number => Number.isSafeInteger(node) && node >= 0 && node < nodes),
  };
}

function markOf(json: Json): Mark {
  return { at_us: number(json.at_us, 0), text: string(json.text, '') };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function string(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}

function bad(what: string): TimelineError {
  return new TimelineError(`This timeline can't be read: ${what}. Make it anew, or open it with the tidings-testnet that wrote it.`);
}
