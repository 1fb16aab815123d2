// Makes the package that is published, in dist/client:  node libs/client/build.mjs   (npm publish dist/client)
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const out = join(root, 'dist/client');

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  entryPoints: [join(here, 'src/index.ts')],
  outfile: join(out, 'index.js'),
  bundle: true,
  // Not Node.js: whatever only Node.js has fails here.
  platform: 'browser',
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  logLevel: 'warning',
});
execFileSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(here, 'tsconfig.build.json')],
  {
    stdio: 'inherit',
  },
);
// The sources leave out the ending, which TypeScript wants in packages that are ES modules.
for (const name of readdirSync(join(out, 'types'), { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const file = join(out, 'types', name);
  writeFileSync(file, readFileSync(file, 'utf8').replace(/(from '\.{1,2}\/[^']+)'/g, "$1.js'"));
}
for (const file of ['package.json', 'README.md']) copyFileSync(join(here, file), join(out, file));
copyFileSync(join(root, 'LICENSE'), join(out, 'LICENSE'));
