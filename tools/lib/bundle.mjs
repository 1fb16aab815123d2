// One bundle of an app. esbuild drops the decorator metadata that Nest and class-validator read, so every TypeScript
// file goes through swc first. About 60 ms an app.
import { transform } from '@swc/core';
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
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

/** Shown in the status of the platform; null where the sources are not in a repository and `REVISION` is not set. */
function commit() {
  if (process.env.REVISION) return process.env.REVISION.slice(0, 12);
  try {
    const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], options).trim();
  } catch {
    return null;
  }
}

/** Bundles a source into a file; npm packages stay outside unless the options say otherwise. */
export function bundle(entry, outfile, { plugins = [], ...options } = {}) {
  return build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    packages: 'external',
    keepNames: true,
    // Strict as the modules are that it is made from, whether or not there is a tsconfig.json beside them.
    tsconfigRaw: { compilerOptions: { alwaysStrict: true } },
    sourcemap: true,
    define: { BUILD_COMMIT: JSON.stringify(commit()) },
    logLevel: 'warning',
    loader: { '.sql': 'text' },
    plugins: [typescript, ...plugins],
    ...options,
  });
}
