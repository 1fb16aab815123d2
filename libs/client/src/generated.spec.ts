import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { operationsSource } from '../generator/operations';
import { typesSource } from '../generator/typescript';

it.each([
  ['types.ts', typesSource],
  ['operations.ts', operationsSource],
])('%s is what the contracts say (UPDATE_GENERATED=1 writes it)', (name, source) => {
  const file = join(__dirname, 'generated', name);
  if (process.env.UPDATE_GENERATED) writeFileSync(file, source());
  expect(readFileSync(file, 'utf8')).toBe(source());
});
