/** The charts, in the order in which they stand on the page. To add one: write its file here, and name it in this list. */
import type { Part } from '../registry';
import { Compare } from './compare';
import { Coverage } from './coverage';
import { Faults } from './faults';
import { Latency } from './latency';
import { Queues } from './queues';
import { Redundancy } from './redundancy';
import { Slowest } from './slowest';
import { Traffic } from './traffic';

/** All charts and lanes. */
export const panes: readonly Part[] = [
  { id: 'coverage', title: 'Who has it, over time', place: 'below', Component: Coverage, needsRun: true },
  { id: 'latency', title: 'How long deliveries took', place: 'below', Component: Latency, needsRun: true },
  { id: 'compare', title: 'Runs side by side', place: 'wide', Component: Compare, needsRun: true },
  { id: 'slowest', title: 'Slowest nodes, and why', place: 'wide', Component: Slowest, needsRun: true },
  { id: 'redundancy', title: 'Redundancy over time', place: 'below', Component: Redundancy, needsRun: true },
  { id: 'queues', title: 'What waited in nodes, over time', place: 'below', Component: Queues, needsRun: true },
  { id: 'traffic', title: 'Bytes by node and kind of message', place: 'wide', Component: Traffic, needsRun: true },
  { id: 'faults', title: 'What went wrong on purpose', place: 'lane', Component: Faults, needsRun: true },
];
