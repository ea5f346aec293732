/** How parts plug into the page: each is a component with a title, and a place. */
import type { ComponentType } from 'preact';

/**
 * Where a part stands: `below` the graph as a card (charts), `wide` below it over the whole width, `lane` on the scrubber (the fault lane:
 * no card and no heading, drawn to the scrubber's width), `lab` in a panel that the header's button opens, `node` in the card of the chosen node.
 */
export type Place = 'below' | 'wide' | 'lane' | 'lab' | 'node';

/** A part of the page. It reads the store itself. */
export interface Part {
  /** A plain word, unique: the section's id. */
  id: string;
  /** What is seen, as a heading. */
  title: string;
  place: Place;
  Component: ComponentType;
  /** Whether the part needs an open run; the lab's form does without. */
  needsRun: boolean;
}
