// The npm packages that a bundle is made from, with their licences.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;

/**
 * @param inputs paths of files, relative to the root
 * @returns `{ name, version, license, text }` of each package, in the order of names and versions
 */
export function packagesOf(inputs, root) {
  const folders = new Set(inputs.map((path) => FOLDER.exec(path)?.[0]).filter(Boolean));
  const packages = new Map();
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    if (typeof license !== 'string') throw new Error(`${folder}/package.json names no licence`);
    packages.set(`${name}@${version}`, { name, version, license, text: licenceText(join(root, folder)) });
  }
  return [...packages.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found);
}

function licenceText(folder) {
  const file = readdirSync(folder)
    .sort()
    .find((name) => /^(licen[cs]e|copying)/i.test(name) && existsSync(join(folder, name)));
  return file === undefined ? 'The package has no text of its licence.' : readFileSync(join(folder, file), 'utf8');
}
