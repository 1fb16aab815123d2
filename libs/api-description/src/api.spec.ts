import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeApi } from '../generator/describe';

const FILE = join(__dirname, 'generated/api.json');

it('is what the contracts say (UPDATE_GENERATED=1 writes it)', () => {
  const expected = `${JSON.stringify(describeApi(), null, 2)}\n`;
  if (process.env.UPDATE_GENERATED) writeFileSync(FILE, expected);
  expect(readFileSync(FILE, 'utf8')).toBe(expected);
});
