import { AppError } from '@agent-platform/errors';
import { getIntrospectionQuery, parse } from 'graphql';
import { checkDocument } from './document-limits';

const times = (count: number, write: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => write(n)).join(' ');
const refusalOf = (text: string, variables: Record<string, unknown> = {}) => {
  try {
    checkDocument(parse(text), variables);
    return undefined;
  } catch (error) {
    return (error as AppError).detail;
  }
};

describe('a document is refused for', () => {
  it.each([
    ['aliases', `{ meGet { ${times(31, (n) => `a${n}: name`)} } }`, 'aliases: 30'],
    [
      'aliases in a fragment',
      `{ meGet { ...F } } fragment F on Me { ${times(31, (n) => `a${n}: name`)} }`,
      'aliases: 30',
    ],
    ['one field again and again', `{ meGet { ${'name '.repeat(31)} } }`, 'fields of one name'],
    ['the same in inline fragments', `{ meGet { ${'... { name } '.repeat(31)} } }`, 'fields of one name'],
    ['the same under one alias', `{ meGet { ${times(31, () => 'a: name')} } }`, 'aliases: 30'],
    [
      'the schema many times',
      `{ ${times(19, (n) => `s${n}: __schema { ...S }`)} } fragment S on __Schema { types { fields { args { type { ofType { ofType { name } } } defaultValue name description } type { ofType { ofType { name kind } } } } } }`,
      'answers about the schema',
    ],
    [
      'a list in a list in a fragment of the root, which is as long as any at the top',
      '{ ...Q } fragment Q on Query { workflowList { nodes { runs(first: 40) { nodes { id steps { id } } } } } }',
      'things that it asks for',
    ],
    [
      'its types many times',
      `{ __schema { ${times(25, (n) => `t${n}: types { fields { args { name type { name ofType { name } } } } }`)} } }`,
      'answers about the schema',
    ],
  ])('%s', (_what, text, reason) => {
    expect(refusalOf(text)).toContain(reason);
  });
});

describe('a document is taken', () => {
  it.each([
    [
      'of a list in a list in a fragment',
      '{ workflowList { nodes { ...W } } } fragment W on Workflow { runs { nodes { id steps { id } } } }',
    ],
    [
      'whose things are asked for by fragments',
      `{ workflowList(first: 20) { nodes { ...W } } } fragment W on Workflow { runs(first: 5) { nodes { ...R } } }
       fragment R on Run { steps { ...S } error { ...E } } fragment S on RunStep { id error { ...E } } fragment E on RunError { code }`,
    ],
    [
      'of a list in a list, which is shorter where nothing else is said',
      '{ workflowList { nodes { name runs { nodes { id steps { id } } } } } }',
    ],
    ['with 30 aliases in a fragment', `{ meGet { ...F } } fragment F on Me { ${times(30, (n) => `a${n}: name`)} }`],
    ['that asks for the schema', getIntrospectionQuery()],
    [
      'that asks for all of the schema',
      getIntrospectionQuery({
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        specifiedByUrl: true,
        oneOf: true,
      }),
    ],
  ])('%s', (_what, text) => {
    expect(refusalOf(text)).toBeUndefined();
  });
});
