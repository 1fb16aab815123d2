import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataFolder } from './data-folder';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'data-folder-'));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

it('belongs to one platform at a time, and to the next when that one died', async () => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'standalone']);
  writeFileSync(join(path, 'lock'), String(other.pid));
  expect(() => new DataFolder(path).lock()).toThrow(`in use by process ${other.pid}`);

  other.kill('SIGKILL');
  await once(other, 'exit');
  new DataFolder(path).lock();
  expect(readFileSync(join(path, 'lock'), 'utf8')).toBe(String(process.pid));
});

it.each(['', 'nonsense', '-1'])('takes over a lock that says %j', (content) => {
  writeFileSync(join(path, 'lock'), content);
  new DataFolder(path).lock();
  expect(readFileSync(join(path, 'lock'), 'utf8')).toBe(String(process.pid));
});
