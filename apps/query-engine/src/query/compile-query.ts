import { documentColumns, MAX_PAGE_BYTES } from '../documents/document-columns';
import { compileFilter } from './compile-filter';
import type { IndexConditions } from './index-conditions';
import type { Aggregate, DocumentQuery, GroupQuery, Query } from './query';
import type { Position } from './query-cursor';
import { keyColumns, keyJson, keyOrder, keyTuple } from './sort-keys';
import { jsonOf, numberOf, Parameters, textOf } from './sql';

/** Where a query is asked, and how much of it. */
export interface Scope {
  readonly collection: { readonly id: string; readonly name: string };
  readonly limit: number;
  readonly after: Position | undefined;
  /** To begin with the documents that an index finds. */
  readonly index: { readonly conditions: IndexConditions; readonly maxRows: number } | undefined;
}

/** A statement with its parameters. */
export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** A row of its answer. */
export interface QueryResult {
  /** The row, as JSON. */
  readonly row: string;
  /** Its place in the order. */
  readonly keys: string;
  readonly tie: string;
  /** Rows that were found for the page, those that it has no room for included. */
  readonly found: number;
}

interface Order {
  readonly name: string;
  readonly descending: boolean;
}

/** One statement that answers a page of a query, and whether there is more. */
export function compileQuery(query: Query, scope: Scope): Statement {
  const parameters = new Parameters();
  const { rows, columns, order, tieType, tieDescending } =
    query.kind === 'documents' ? documentsOf(query, scope, parameters) : groupsOf(query, scope, parameters);
  const tie = `tie${tieDescending ? ' DESC' : ''}`;
  const orderBy = [...order.map(({ name, descending }) => keyOrder(name, descending)), tie].join(', ');
  const after = scope.after && afterOf(scope.after, order, tieType, tieDescending, parameters);
  const text = `SELECT row, keys::text, tie::text, found::int FROM (
  SELECT *, sum(octet_length(row)) OVER (ORDER BY ${orderBy} ROWS UNBOUNDED PRECEDING) - octet_length(row) AS bytes_before, count(*) OVER () AS found
  FROM (
    SELECT ${columns}::text AS row, json_build_array(${order.map(({ name }) => keyJson(name)).join(', ')}) AS keys, d.*
    FROM (
      SELECT * FROM (
${rows}
      ) d${after ? ` WHERE ${after}` : ''}
      ORDER BY ${orderBy} LIMIT ${parameters.add(scope.limit + 1, 'int')}
    ) d
  ) page
) shown WHERE bytes_before < ${MAX_PAGE_BYTES} ORDER BY ${orderBy}`;
  return { text, values: parameters.values };
}

/** Rows of `d`, what is answered of each, and their order. */
interface Rows {
  readonly rows: string;
  readonly columns: string;
  readonly order: readonly Order[];
  readonly tieType: 'uuid' | 'text';
  readonly tieDescending: boolean;
}

function documentsOf({ filter, select, sort }: DocumentQuery, scope: Scope, parameters: Parameters): Rows {
  const order = sort.map(({ descending }, index) => ({ name: `k${index}`, descending }));
  const keys = sort.map(({ by }, index) => keyColumns(jsonOf(by, parameters), `k${index}`));
  const columns = select
    ? objectOf(select.map((field) => [parameters.add(field.text, 'text'), jsonOf(field, parameters)]))
    : documentColumns(parameters.add(scope.collection.name, 'text'));
  return {
    rows: `SELECT ${['d.*', 'd.id AS tie', ...keys].join(', ')} FROM ${sourceOf(scope, parameters)} WHERE ${whereOf(filter, scope, parameters)}`,
    columns,
    order,
    tieType: 'uuid',
    // Newest first.
    tieDescending: true,
  };
}

function groupsOf({ filter, groupBy, aggregates, sort }: GroupQuery, scope: Scope, parameters: Parameters): Rows {
  const groups = groupBy.map((field, index) => ({ name: field.text, column: `g${index}`, field }));
  const counts = aggregates.map(({ name, verb, field }, index) => ({ name, column: `a${index}`, verb, field }));
  const all = [...groups, ...counts];
  // Each value is taken from the document once, behind a fence (OFFSET 0): sorted or hashed are these values and not whole documents,
  // and Postgres does not expect as many groups as there are documents.
  const values = all
    .map(({ column, field }) => `${field ? jsonOf(field, parameters) : 'NULL'} AS v_${column}`)
    .join(', ');
  const selected = [
    ...groups.map(({ column }) => `v_${column} AS ${column}`),
    ...counts.map(({ verb, field, column }) => `${aggregateOf(verb, field && `v_${column}`)} AS ${column}`),
  ].join(', ');
  const grouped = groups.length > 0 ? ` GROUP BY ${groups.map(({ column }) => `v_${column}`).join(', ')}` : '';
  const byName = (name: string) => all.find((one) => one.name === name)?.column ?? '';
  // What was not asked for goes by the groups, so that the order is a whole one.
  const sorted = [
    ...sort.map(({ by, descending }) => ({ column: byName(by), descending })),
    ...groups
      .filter(({ name }) => !sort.some(({ by }) => by === name))
      .map(({ column }) => ({ column, descending: false })),
  ];
  const keys = sorted.map(({ column }, index) => keyColumns(column, `k${index}`));
  const tie = `md5(json_build_array(${groups.map(({ column }) => column).join(', ')})::text) COLLATE "C" AS tie`;
  return {
    rows: `SELECT ${['*', tie, ...keys].join(', ')} FROM (
  SELECT ${selected} FROM (
    SELECT ${values} FROM ${sourceOf(scope, parameters)} WHERE ${whereOf(filter, scope, parameters)} OFFSET 0) v${grouped}) g`,
    columns: objectOf(all.map(({ name, column }) => [parameters.add(name, 'text'), column])),
    order: sorted.map(({ descending }, index) => ({ name: `k${index}`, descending })),
    tieType: 'text',
    tieDescending: false,
  };
}

function sourceOf({ collection, index }: Scope, parameters: Parameters): string {
  if (!index) return 'data.documents d';
  const { contains, text } = index.conditions;
  const asked = [
    parameters.add(collection.id, 'uuid'),
    contains ? parameters.add(contains, 'jsonb[]') : 'NULL',
    text === null ? 'NULL' : parameters.add(text, 'text'),
    parameters.add(index.maxRows, 'int'),
  ];
  return `data.matching_documents(${asked.join(', ')}) AS m (id) JOIN data.documents d USING (id)`;
}

function whereOf(filter: Query['filter'], { collection }: Scope, parameters: Parameters): string {
  const own = `d.collection_id = ${parameters.add(collection.id, 'uuid')}`;
  return filter ? `${own} AND ${compileFilter(filter, parameters)}` : own;
}

/** An object of these fields; one that has no value is left out. */
function objectOf(fields: readonly (readonly [name: string, json: string])[]): string {
  const list = fields.map(([name, json]) => `(${name}, ${json})`).join(', ');
  return `(SELECT coalesce(json_object_agg(f.name, f.value) FILTER (WHERE f.value IS NOT NULL), '{}') FROM (VALUES ${list}) AS f (name, value))`;
}

function aggregateOf(verb: Aggregate['verb'], json: string | undefined): string {
  if (json === undefined) return 'to_jsonb(count(*))';
  const nothing = `'null'::jsonb`;
  switch (verb) {
    case 'count':
      return `to_jsonb(count(${json}))`;
    case 'sum':
      return `to_jsonb(trim_scale(coalesce(sum(${numberOf(json)}), 0)))`;
    case 'avg':
      return `coalesce(to_jsonb(trim_scale(avg(${numberOf(json)}))), ${nothing})`;
    case 'min':
      return `coalesce(to_jsonb(min(${numberOf(json)})), to_jsonb(min(${textOf(json)})), ${nothing})`;
    case 'max':
      return `coalesce(to_jsonb(max(${textOf(json)})), to_jsonb(max(${numberOf(json)})), ${nothing})`;
  }
}

/** Behind a place in the order: in its first part that differs, or in the tie. */
function afterOf(
  { keys, tie }: Position,
  order: readonly Order[],
  tieType: Rows['tieType'],
  tieDescending: boolean,
  parameters: Parameters,
): string {
  const end = `d.tie ${tieDescending ? '<' : '>'} ${parameters.add(tie, tieType)}`;
  return order.reduceRight((rest, { name, descending }, index) => {
    const [type, number, text] = keys[index] ?? [0, '0', ''];
    const place = `(${parameters.add(type, 'int')}, ${parameters.add(number, 'numeric')}, ${parameters.add(text, 'text')})`;
    return `(${keyTuple(name)} ${descending ? '<' : '>'} ${place} OR ${keyTuple(name)} = ${place} AND ${rest})`;
  }, end);
}
