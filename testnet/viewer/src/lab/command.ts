/** A scenario as whoever has a terminal runs it: a command line where flags say all of it, and a manifest in any case. */
import { isTable, type Scenario } from './scenario';

/** Flags of `tidings-testnet sim` for keys of a scenario. */
const FLAGS: readonly (readonly [path: string, flag: string])[] = [
  ['seed', '--seed'],
  ['network.nodes', '--nodes'],
  ['network.topology', '--overlay'],
  ['network.reachable', '--reachable'],
  ['workload.txs', '--txs'],
  ['workload.rate', '--rate'],
  ['workload.sizes.fixed', '--size'],
  ['params.relay.strategy', '--strategy'],
  ['origin', '--origin'],
  ['spies', '--spies'],
  ['measure.idle_s', '--idle'],
  ['measure.stall_s', '--stall'],
];

/** The command that gives the same events. Null if flags can't say all of it: then the manifest does. */
export function commandOf(scenario: Scenario): string | null {
  const words = ['tidings-testnet sim'];
  for (const [path, value] of leaves(scenario)) {
    if (path === 'link' && isTable(value)) words.push(`--links ${short(value, 'model')}`);
    else if (path === 'fault') for (const one of value as Record<string, unknown>[]) words.push(`--fault ${short(one, 'kind')}`);
    else if (path === 'write') for (const one of value as Record<string, unknown>[]) words.push(`--write ${keys(one)}`);
    else {
      const flag = FLAGS.find(([of]) => of === path)?.[1];
      if (Array.isArray(value) || isTable(value)) return null;
      if (flag !== undefined) words.push(`${flag} ${String(value)}`);
      else if (path.startsWith('params.')) words.push(`--param ${path.slice(7)}=${String(value)}`);
      else return null;
    }
  }
  return words.join(' ');
}

/** Paths and values of all that a scenario says; links, faults and writes are told whole, and what is unset isn't told. */
function* leaves(table: Record<string, unknown>, at = ''): Generator<[string, unknown]> {
  for (const [key, value] of Object.entries(table)) {
    const path = at === '' ? key : `${at}.${key}`;
    if (value === null || value === undefined) continue;
    if (isTable(value) && path !== 'link') yield* leaves(value, path);
    else if (!(Array.isArray(value) && value.length === 0)) yield [path, value];
  }
}

/** A table in a command line's short form: `NAME:KEY=VALUE,…`. */
function short(table: Record<string, unknown>, tag: string): string {
  const { [tag]: name, ...rest } = table;
  const said = keys(rest);
  return said === '' ? String(name) : `${String(name)}:${said}`;
}

function keys(table: Record<string, unknown>): string {
  const said = Object.entries(table).filter(([, value]) => value !== null && value !== undefined);
  return said.map(([key, value]) => `${key}=${listed(value)}`).join(',');
}

function listed(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.map((one) => (Array.isArray(one) ? one.join('-') : String(one))).join('+');
}

/** The scenario as a manifest (TOML), for `tidings-testnet sim --manifest`. */
export function manifestOf(scenario: Scenario): string {
  const { workload, ...rest } = scenario;
  const tables: string[] = [];
  const top: string[] = [];
  const put = (name: string, value: unknown): void => {
    if (value === null || value === undefined) return;
    if (Array.isArray(value) && value.length > 0 && value.every(isTable)) {
      for (const one of value) tables.push(`\n[[${name}]]\n${lines(one)}`);
    } else if (isTable(value)) tables.push(`\n[${name}]\n${lines(value)}`);
    else top.push(`${name} = ${toml(value)}\n`);
  };
  for (const [name, value] of Object.entries(rest)) put(name, value);
  put('workload', { kind: 'transfers', ...workload });
  return top.join('') + tables.join('');
}

function lines(table: Record<string, unknown>): string {
  const said = Object.entries(table).filter(([, value]) => value !== null && value !== undefined);
  return said.map(([key, value]) => `${key} = ${toml(value)}\n`).join('');
}

function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`;
  if (isTable(value)) {
    const said = Object.entries(value).filter(([, one]) => one !== null && one !== undefined);
    return `{ ${said.map(([key, one]) => `${key} = ${toml(one)}`).join(', ')} }`;
  }
  return JSON.stringify(value);
}
