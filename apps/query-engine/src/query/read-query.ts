import type { Json, JsonObject, QueryDocumentsRequest } from '@agent-platform/contracts';
import { readFieldPath, type FieldPath } from './field-path';
import { Problems, refuseUnknown } from './problems';
import { AGGREGATES, type Aggregate, type Query, type SortPart } from './query';
import { FilterReader } from './read-filter';

const MAX_AGGREGATES = 20;
const MAX_SORT = 5;
const AGGREGATE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;

/** @throws AppError `data.query.invalid` with every place that is wrong */
export function readQuery(request: QueryDocumentsRequest): Query {
  const problems = new Problems();
  const filter = request.filter && new FilterReader(problems).read(request.filter);
  const { select, aggregate } = request;
  const groupBy = request.groupBy && readFields(request.groupBy, 'groupBy', problems);
  const sort = readSort(request.sort ?? [], problems);
  let query: Query;
  if (aggregate === undefined && groupBy === undefined) {
    const selected = select && readFields(select, 'select', problems);
    query = { kind: 'documents', filter, select: selected, sort: sortOfDocuments(sort, problems) };
  } else {
    if (select) problems.add('select', 'cannot be asked for with aggregate or groupBy');
    const aggregates = readAggregates(aggregate ?? {}, groupBy ?? [], problems);
    const names = [...(groupBy ?? []).map(({ text }) => text), ...aggregates.map(({ name }) => name)];
    sort.forEach(({ by }, index) => {
      if (!names.includes(by))
        problems.add(`sort[${index}].field`, 'is neither grouped by nor the name of an aggregate');
    });
    query = { kind: 'groups', filter, groupBy: groupBy ?? [], aggregates, sort };
  }
  problems.throwIfAny();
  return query;
}

/** Fields that are different ones. */
function readFields(texts: readonly string[], path: string, problems: Problems): FieldPath[] {
  if (texts.length === 0) problems.add(path, 'must name a field');
  return texts.flatMap((text, index) => {
    const at = `${path}[${index}]`;
    if (texts.indexOf(text) !== index) problems.add(at, 'is named twice');
    return readFieldPath(text, at, problems) ?? [];
  });
}

function readSort(parts: readonly JsonObject[], problems: Problems): SortPart<string>[] {
  if (parts.length > MAX_SORT) problems.add('sort', `has more than ${MAX_SORT} parts`);
  return parts.flatMap((part, index) => {
    const path = `sort[${index}]`;
    refuseUnknown(part, ['field', 'direction'], path, problems);
    const { field, direction = 'asc' } = part;
    if (typeof field !== 'string') problems.add(`${path}.field`, 'must be the name of a field');
    if (direction !== 'asc' && direction !== 'desc') problems.add(`${path}.direction`, 'must be asc or desc');
    return typeof field === 'string' ? [{ by: field, descending: direction === 'desc' }] : [];
  });
}

function sortOfDocuments(sort: readonly SortPart<string>[], problems: Problems): SortPart<FieldPath>[] {
  return sort.flatMap(({ by, descending }, index) => {
    const field = readFieldPath(by, `sort[${index}].field`, problems);
    return field ? [{ by: field, descending }] : [];
  });
}

function readAggregates(asked: JsonObject, groupBy: readonly FieldPath[], problems: Problems): Aggregate[] {
  const entries = Object.entries(asked);
  if (entries.length > MAX_AGGREGATES) problems.add('aggregate', `has more than ${MAX_AGGREGATES} parts`);
  if (entries.length === 0 && groupBy.length === 0) problems.add('aggregate', 'must hold an aggregate');
  return entries.slice(0, MAX_AGGREGATES).flatMap(([name, what]) => {
    const path = `aggregate.${name}`;
    if (!AGGREGATE_NAME.test(name))
      problems.add(path, 'must be named by letters, digits and underscores after a first letter');
    if (groupBy.some(({ text }) => text === name)) problems.add(path, 'has the name of a field that is grouped by');
    return readAggregate(name, what, path, problems);
  });
}

function readAggregate(name: string, what: Json, path: string, problems: Problems): Aggregate[] {
  const entries = typeof what === 'object' && what !== null && !Array.isArray(what) ? Object.entries(what) : [];
  const [entry] = entries;
  const verb = AGGREGATES.find((known) => known === entry?.[0]);
  if (!entry || entries.length > 1 || !verb) {
    problems.add(path, `must hold one of ${AGGREGATES.join(', ')}`);
    return [];
  }
  const given = entry[1];
  if (verb === 'count' && given === true) return [{ name, verb, field: undefined }];
  if (typeof given !== 'string') {
    problems.add(
      `${path}.${verb}`,
      verb === 'count' ? 'must be true or the name of a field' : 'must be the name of a field',
    );
    return [];
  }
  const field = readFieldPath(given, `${path}.${verb}`, problems);
  return field ? [{ name, verb, field }] : [];
}
