/** The charts, in the order in which they stand on the page. To add one: write its file here, and name it in this list. */
import type { Part } from '../registry';

/** All charts and lanes. */
export const panes: readonly Part[] = [];
