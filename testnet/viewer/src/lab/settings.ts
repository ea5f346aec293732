/** What the form sets, of a scenario: read from it, and laid over it. All else in the scenario stays. */
import said from './presets.json';
import { isTable, type Fault, type Scenario } from './scenario';

/** Settings of the form. */
export interface Settings {
  strategy: string;
  nodes: number;
  overlay: string;
  link: string;
  /** Share of relay messages that vanish, percent. */
  loss: number;
  fanout: number;
  txs: number;
  rate: number;
  seed: number;
}

/** How items spread: names and what they do, as `tidings-testnet sim --help` has them. */
export const STRATEGIES: readonly (readonly [string, string])[] = [
  ['adaptive', 'whole to peers that probably lack it, by id to the others'],
  ['inventory', 'by id to every peer, sent whole to whoever asks, as Bitcoin does'],
  ['flood', 'whole, to every peer that isn’t known to have it'],
  ['push', 'each round, news whole to a few random peers'],
  ['pull', 'each round, a few random peers are asked for news'],
  ['push-pull', 'each round, both'],
  ['rumor', 'told on until nobody hears news in it'],
  ['plumtree', 'whole along a tree that finds itself, by id elsewhere'],
  ['reconcile', 'by id to a few peers, and what others lack by comparing (Erlay)'],
  ['gossipsub', 'whole within a mesh of few links, ids to some others (libp2p)'],
  ['eth68', 'whole to the square root of all peers, by id to the others (Ethereum)'],
  ['cat', 'whole from the origin, by id from all others (Celestia)'],
  ['dog', 'whole along routes, of which too many are closed (CometBFT)'],
  ['direct-mail', 'whole, from the origin to all its peers, and no further'],
];

/** Shapes of the network. */
export const OVERLAYS: readonly (readonly [string, string])[] = [
  ['outbound', 'each dials eight random others'],
  ['gossip', 'it forms by itself: nodes tell each other addresses'],
  ['random-regular', 'all have as many links'],
  ['clusters', 'two halves with few links between them'],
  ['ring', 'a ring'],
  ['grid', 'a grid'],
  ['tree', 'a tree'],
  ['line', 'a line'],
  ['complete', 'everybody with everybody'],
];

/** What lies between nodes. */
export const LINKS: Record<string, { words: string; link: Record<string, unknown> }> = {
  regions: { words: 'eight regions of the world', link: { model: 'regions' } },
  planar: { words: 'points of a square, 5 to 217 ms', link: { model: 'planar', min_ms: 5, max_ms: 217, jitter: 0 } },
  constant: { words: '50 ms everywhere', link: { model: 'constant', latency_ms: 50 } },
  exponential: { words: '50 ms on average, some much longer', link: { model: 'exponential', mean_ms: 50 } },
  rounds: { words: 'rounds of a second, as in theory', link: { model: 'rounds', round_ms: 1000 } },
  none: { words: 'almost nothing, 0.1 ms', link: { model: 'none' } },
};

/** What holds where a scenario leaves the form's settings out: the simulator's defaults. */
const DEFAULTS: Settings = { ...said.defaults, loss: 0 };

/** What the page begins with: small enough for a second's wait, large enough for a wave. */
export const FIRST: Scenario = {
  seed: 11,
  network: { nodes: 200 },
  link: { model: 'regions' },
  workload: { txs: 20, rate: 4 },
};

/** The settings that a scenario has. A link model of its own keeps its name. */
export function settingsOf(scenario: Scenario): Settings {
  const number = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);
  const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
  const relay = relayOf(scenario);
  const loss = (scenario.fault ?? []).find(isWholeLoss);
  return {
    strategy: text(relay.strategy, DEFAULTS.strategy),
    nodes: number(scenario.network?.nodes, DEFAULTS.nodes),
    overlay: text(scenario.network?.topology, DEFAULTS.overlay),
    link: text(scenario.link?.model, DEFAULTS.link),
    loss: Math.round(number(loss?.share, 0) * 1e4) / 100,
    fanout: number(relay.fanout, DEFAULTS.fanout),
    txs: number(scenario.workload?.txs, DEFAULTS.txs),
    rate: number(scenario.workload?.rate, DEFAULTS.rate),
    seed: number(scenario.seed, DEFAULTS.seed),
  };
}

/** The scenario with what differs laid over it. */
export function withSettings(scenario: Scenario, wanted: Settings): Scenario {
  const had = settingsOf(scenario);
  const differs = (key: keyof Settings): boolean => had[key] !== wanted[key];
  const next: Scenario = { ...scenario };
  if (differs('seed')) next.seed = wanted.seed;
  const network: Record<string, unknown> = { ...scenario.network };
  if (differs('nodes')) network.nodes = wanted.nodes;
  if (differs('overlay')) network.topology = wanted.overlay;
  if (Object.keys(network).length > 0) next.network = network;
  const workload: Record<string, unknown> = { ...scenario.workload };
  if (differs('txs')) workload.txs = wanted.txs;
  if (differs('rate')) workload.rate = wanted.rate;
  if (Object.keys(workload).length > 0) next.workload = workload;
  if (differs('link') && LINKS[wanted.link] !== undefined) next.link = LINKS[wanted.link].link;
  if (differs('strategy') || differs('fanout')) {
    const relay = { ...relayOf(scenario) };
    if (differs('strategy')) relay.strategy = wanted.strategy;
    if (differs('fanout')) relay.fanout = wanted.fanout;
    next.params = { ...scenario.params, relay };
  }
  if (differs('loss')) {
    const others = (scenario.fault ?? []).filter((fault) => !isWholeLoss(fault));
    next.fault = wanted.loss > 0 ? [{ kind: 'loss', share: wanted.loss / 100 }, ...others] : others;
  }
  return next;
}

function relayOf(scenario: Scenario): Record<string, unknown> {
  const relay = scenario.params?.relay;
  return isTable(relay) ? relay : {};
}

/** A loss from the beginning to the end. */
function isWholeLoss(fault: Fault): boolean {
  return fault.kind === 'loss' && !(Number(fault.at_s) > 0) && typeof fault.for_s !== 'number';
}
