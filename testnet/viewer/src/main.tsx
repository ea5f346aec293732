/** Begins: draws the page, then opens what it was given. */
import { render } from 'preact';
import { Page } from './page';
import { startLab } from './lab/session';
import { hasSimulator } from './lab/simulator';
import { fromHash, startPermalink } from './permalink';
import { startProbe } from './probe';
import { showSources } from './shell/opening';
import { sourcesOf } from './sources';
import { startTheme } from './theme';

const root = document.getElementById('page');
if (root !== null) {
  startTheme();
  root.replaceChildren();
  render(<Page />, root);
  const opened = showSources(sourcesOf(document), fromHash(location.hash)).then(startPermalink);
  const started = hasSimulator() ? opened.then(startLab) : opened;
  startProbe(started);
}
