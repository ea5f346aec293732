/** Begins: draws the page, then opens what it was given. */
import { render } from 'preact';
import { Page } from './page';
import { open, sourcesOf } from './sources';

const root = document.getElementById('page');
if (root !== null) {
  root.replaceChildren();
  render(<Page />, root);
  void open(sourcesOf(document));
}
