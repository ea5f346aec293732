/** Begins: draws the page, then opens what it was given. */
import { render } from 'preact';
import { Page } from './page';
import { fromHash, startPermalink } from './permalink';
import { showSources } from './shell/opening';
import { sourcesOf } from './sources';
import { startTheme } from './theme';

const root = document.getElementById('page');
if (root !== null) {
  startTheme();
  root.replaceChildren();
  render(<Page />, root);
  void showSources(sourcesOf(document), fromHash(location.hash)).then(startPermalink);
}
