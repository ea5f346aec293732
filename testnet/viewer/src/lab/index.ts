/** The laboratory in the tab: what simulates, and its form. */
import type { Part } from '../registry';

/** All parts of the laboratory. */
export const lab: readonly Part[] = [];
