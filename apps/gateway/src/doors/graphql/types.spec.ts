import { API, resolve } from '@agent-platform/api-description';
import { isObjectType } from 'graphql';
import { graphqlSchema } from './schema';

const types = graphqlSchema().getTypeMap();
const fieldsOf = (name: string) => {
  const type = types[name];
  return isObjectType(type) ? Object.keys(type.getFields()) : [];
};

describe('the types of the schema', () => {
  it('have the fields of the schemas that they are named after', () => {
    const named = Object.entries(API.schemas).filter(([name]) => isObjectType(types[name]));
    expect(named.length).toBeGreaterThan(30);
    for (const [name, schema] of named) {
      const properties = Object.keys(resolve(schema).properties ?? {}).map((field) => field.replace(/^(?=\d)/, '_'));
      expect({ name, fields: fieldsOf(name) }).toEqual({
        name,
        fields: expect.arrayContaining(properties) as string[],
      });
    }
  });

  it('do not take one that is named by its place for another that has that name', () => {
    expect(fieldsOf('IntegrationHealth')).toContain('consecutiveFailures');
    expect(fieldsOf('IntegrationHealthInfo')).toEqual(['state', 'since']);
    const integration = types.Integration;
    expect(isObjectType(integration) && String(integration.getFields().health?.type)).toBe('IntegrationHealthInfo!');
  });
});
