// The browser that tests drive: CHROMIUM, or what is on the PATH.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

/** The path of a Chromium, or null. */
export function findChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const onPath = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  return [process.env.CHROMIUM, ...onPath].find((path) => path && isProgram(path)) ?? null;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A browser without a window. */
export function launch() {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('There is no Chromium: name one in CHROMIUM.');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
