import { WORKFLOW_DEFINITION_SCHEMA } from '@agent-platform/contracts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

it('the schema of workflows is the published one (UPDATE_GENERATED=1 writes it)', () => {
  const file = join(__dirname, 'generated/workflow-definition.json');
  const schema = `${JSON.stringify(WORKFLOW_DEFINITION_SCHEMA)}\n`;
  if (process.env.UPDATE_GENERATED) writeFileSync(file, schema);
  expect(readFileSync(file, 'utf8')).toBe(schema);
});
