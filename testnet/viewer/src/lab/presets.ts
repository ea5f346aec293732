/** Scenarios to choose from: the page's own, and those of testnet/scenarios that a tab can run, one for each variant. */
import said from './presets.json';
import type { Scenario } from './scenario';
import { FIRST } from './settings';

/** A scenario with a name. */
export interface Preset {
  name: string;
  /** What it shows, for the list. */
  words: string;
  scenario: Scenario;
}

/** All of them; tidings-testnet's own tests see to it that presets.json says what testnet/scenarios does. */
export const PRESETS: readonly Preset[] = [
  { name: 'first', words: 'A wave through 200 nodes', scenario: FIRST },
  ...said.scenarios.map(({ name, words, scenario }) => ({ name, words, scenario: scenario as unknown as Scenario })),
];
