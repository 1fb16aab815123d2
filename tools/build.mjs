// Bundles apps into dist/apps/<app>/main.js:  node tools/build.mjs [app ...]   (none: all that have a main.ts)
// A name that ends in .ts is a file of its own, bundled into dist under its path.
//
// esbuild drops the decorator metadata that Nest and class-validator read, so every TypeScript file goes through swc
// first. npm packages stay outside the bundle, except
// of apps that are published. About 60 ms an app.
import { transform } from '@swc/core';
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readFileSync, readdirSync } from 'node:fs';
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

/** The source of an app, or of a file that was named, and where its bundle goes. */
function bundleOf(name) {
  return name.endsWith('.ts')
    ? { entry: join(root, name), outfile: join(root, 'dist', name.replace(/\.ts$/, '.js')) }
    : { entry: join(root, 'apps', name, 'src/main.ts'), outfile: join(root, 'dist/apps', name, 'main.js') };
}

/** An app with a package.json is published: npm packages within the bundle, and what npm wants beside it. */
const isPublished = (name) => existsSync(join(root, 'apps', name, 'package.json'));
function finishPackage(name, outfile) {
  for (const file of ['package.json', 'README.md'])
    copyFileSync(join(root, 'apps', name, file), join(dirname(outfile), file));
  copyFileSync(join(root, 'LICENSE'), join(dirname(outfile), 'LICENSE'));
  chmodSync(outfile, 0o755);
}

/** Shown in the status of the platform; null where the sources are not in a repository. */
function commit() {
  try {
    const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], options).trim();
  } catch {
    return null;
  }
}
const define = { BUILD_COMMIT: JSON.stringify(commit()) };

async function bundle(name) {
  const { entry, outfile } = bundleOf(name);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    packages: isPublished(name) ? 'bundle' : 'external',
    ...(isPublished(name) && { banner: { js: '#!/usr/bin/env node' } }),
    keepNames: true,
    sourcemap: true,
    define,
    logLevel: 'warning',
    loader: { '.sql': 'text' },
    plugins: [typescript],
  });
  if (isPublished(name)) finishPackage(name, outfile);
}

const named = process.argv.slice(2);
const apps = named.length > 0 ? named : readdirSync(join(root, 'apps'));
const buildable = apps.filter((app) => existsSync(bundleOf(app).entry));
const missing = named.filter((app) => !buildable.includes(app));
if (missing.length > 0) {
  console.error(`There is no app ${missing.join(', ')}. The apps are the folders of apps/ that have a src/main.ts.`);
  process.exit(1);
}
await Promise.all(buildable.map(bundle));
