import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { step, Stop } from './terminal.mjs';

const STAMP = 'dist/.built-from';
const SOURCES = ['apps', 'libs', 'tools', 'tsconfig.base.json', '.swcrc.json', 'package-lock.json'];

/** Builds all apps, unless nothing has changed since they were built. */
export async function build() {
  const state = describeSources();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === state) return;
  await step('Apps built', async () => {
    const { code, output } = await runCommand(process.execPath, ['tools/build.mjs'], { timeoutMs: 120_000 });
    if (code !== 0) throw new Stop(`The build failed.\n\n${output}`);
    writeFileSync(STAMP, state);
  });
}

/** Count, newest time and size of all source files: cheap, and different after any change that matters. */
function describeSources() {
  let files = 0;
  let bytes = 0;
  let newest = 0;
  const visit = (path) => {
    const stats = statSync(path);
    if (stats.isDirectory()) return readdirSync(path).forEach((name) => visit(join(path, name)));
    files++;
    bytes += stats.size;
    newest = Math.max(newest, stats.mtimeMs);
  };
  SOURCES.forEach(visit);
  return `${files} ${bytes} ${newest}`;
}
