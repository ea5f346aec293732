/** The laboratory in the tab: what simulates, its form, and what can be done to a node. Pages without a simulator have none. */
import type { Part } from '../registry';
import { Deeds } from './deeds';
import { Form } from './form';
import { hasSimulator } from './simulator';
import { Told } from './told';

const parts: readonly Part[] = [
  { id: 'lab', title: 'Laboratory: simulate a network in this tab', place: 'lab', Component: Form, needsRun: false },
  { id: 'told', title: 'The run that is shown', place: 'lab', Component: Told, needsRun: true },
  { id: 'deeds', title: 'What to do to it', place: 'node', Component: Deeds, needsRun: true },
];

/** All parts of the laboratory. */
export const lab: readonly Part[] = hasSimulator() ? parts : [];
