import { API } from '@agent-platform/api-description';
import { lexicographicSortSchema, printSchema, validateSchema } from 'graphql';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldNameOf, graphqlSchema } from './schema';

const FILE = join(__dirname, '../../../../../docs/schema.graphql');
const schema = graphqlSchema();

it('stands in docs/schema.graphql as it follows from the contracts (UPDATE_GENERATED=1 writes it)', () => {
  const text = `${printSchema(lexicographicSortSchema(schema))}\n`;
  if (process.env.UPDATE_GENERATED) writeFileSync(FILE, text);
  expect(readFileSync(FILE, 'utf8')).toBe(text);
});

it('is valid, and has a field for each action', () => {
  expect(validateSchema(schema)).toEqual([]);
  const { Query: query, Mutation: mutation } = schema.getTypeMap() as Record<string, { getFields(): object }>;
  for (const { name, effect } of API.actions) {
    expect(Object.keys((effect === 'read' ? query : mutation)?.getFields() ?? {})).toContain(fieldNameOf(name));
  }
});
