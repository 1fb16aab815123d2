// Bundles apps into dist/apps/<app>/main.js:  node tools/build.mjs [app ...]   (none: all that have a main.ts)
//
// esbuild drops the decorator metadata that Nest and class-validator read, so every TypeScript file goes through swc
// first. npm packages stay outside the bundle. About 60 ms an app.
import { transform } from '@swc/core';
import { build } from 'esbuild';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const swcOptions = JSON.parse(readFileSync(join(root, '.swcrc.json'), 'utf8'));
const { paths } = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8')).compilerOptions;

const typescript = {
  name: 'typescript-through-swc',
  setup(builder) {
    builder.onResolve({ filter: /^@agent-platform\// }, ({ path }) => {
      const target = paths[path];
      return target
        ? { path: resolve(root, target[0]) }
        : { errors: [{ text: `${path} is not in the paths of tsconfig.base.json` }] };
    });
    builder.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const { code } = await transform(source, { ...swcOptions, filename: path, sourceMaps: 'inline', swcrc: false });
      return { contents: code, loader: 'js', resolveDir: dirname(path) };
    });
  },
};

/** Bundles one app. */
async function buildApp(app) {
  await build({
    entryPoints: [join(root, 'apps', app, 'src/main.ts')],
    outfile: join(root, 'dist/apps', app, 'main.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    packages: 'external',
    keepNames: true,
    sourcemap: true,
    logLevel: 'warning',
    loader: { '.sql': 'text' },
    plugins: [typescript],
  });
}

const named = process.argv.slice(2);
const apps = named.length > 0 ? named : readdirSync(join(root, 'apps'));
const buildable = apps.filter((app) => existsSync(join(root, 'apps', app, 'src/main.ts')));
const missing = named.filter((app) => !buildable.includes(app));
if (missing.length > 0) {
  console.error(`There is no app ${missing.join(', ')}. The apps are the folders of apps/ that have a src/main.ts.`);
  process.exit(1);
}
await Promise.all(buildable.map(buildApp));
