import { EVENT_TYPE_PATTERN, type Json } from '@agent-platform/contracts';
import { EVENT_VARIABLES, eventFilterTemplate } from '@agent-platform/expressions';
import { LIMITS } from './definition-limits';
import { isObject, type DefinitionProblems } from './definition-problems';

/** What starts runs of a workflow, as its definition says. */
export interface Trigger {
  /** A type, or the beginning of some with `*` for the rest. */
  readonly event: string;
  /** CEL over the envelope of the event. */
  readonly filter: string | undefined;
}

/** The triggers of a definition's `on`, as far as they are right. */
export function compileTriggers(on: Json | undefined, problems: DefinitionProblems): readonly Trigger[] {
  if (on === undefined) return [];
  if (!Array.isArray(on)) return [compileTrigger(on, 'on', problems)].filter((trigger) => trigger !== undefined);
  if (on.length === 0) problems.fail('on', 'must have a trigger; leave it out for none');
  if (on.length > LIMITS.triggers) problems.fail('on', `has ${on.length} triggers; ${LIMITS.triggers} are allowed`);
  return on.flatMap((one: Json, index) => compileTrigger(one, `on[${index}]`, problems) ?? []);
}

function compileTrigger(trigger: Json, path: string, problems: DefinitionProblems): Trigger | undefined {
  if (!isObject(trigger)) return problems.fail(path, 'must be an object with event');
  problems.unknownFields(trigger, ['event', 'filter'], path);
  problems.required(trigger, ['event'], path);
  const { event, filter } = trigger;
  const isPattern = typeof event === 'string' && EVENT_TYPE_PATTERN.test(event);
  if (event !== undefined && !isPattern) {
    problems.fail(
      `${path}.event`,
      'must be an event type such as lead.scored, or the beginning of some such as lead.*',
    );
  }
  const text = typeof filter === 'string' && filter.trim() !== '' ? filter : undefined;
  if (text !== undefined) problems.template(eventFilterTemplate(text), `${path}.filter`, EVENT_VARIABLES);
  else if (filter !== undefined) {
    problems.fail(`${path}.filter`, 'must be an expression over the event, such as data.points > 10');
  }
  return isPattern ? { event, filter: text } : undefined;
}
