// Bundles apps into dist/apps/<app>/main.js:  node tools/build.mjs [app ...]   (none: all that have a main.ts)
// A name that ends in .ts is a file of its own, bundled into dist under its path.
//
// npm packages stay outside the bundle, except of apps that are published.
import { chmodSync, copyFileSync, existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle, root } from './lib/bundle.mjs';

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

async function buildApp(name) {
  const { entry, outfile } = bundleOf(name);
  const published = { packages: 'bundle', banner: { js: '#!/usr/bin/env node' } };
  await bundle(entry, outfile, isPublished(name) ? published : {});
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
await Promise.all(buildable.map(buildApp));
