import { API, paramsOf, type ActionDescription } from '@agent-platform/api-description';
import type { Command } from 'commander';
import { addCommonOptions } from '../common-options';
import type { CommonOptions, Session } from '../session';
import { addParams, checkRequired, kebab, paramsOfCommand, type Options } from './action-params';
import { callAction, type CallWords } from './call-action';
import { EXTRAS } from './extras';

const NOUNS: Readonly<Record<string, string>> = {
  workflow: 'Workflows: make, change, schedule and run them.',
  run: 'Runs of workflows: look at them, stop, repeat and signal them.',
  integration: 'Third-party services, and calls to them with a stored credential.',
  data: 'Collections of JSON documents.',
  agent: 'Agents, their keys and capabilities.',
  event: 'Events, subscriptions and deliveries.',
  system: 'The audit log, and how the platform is doing.',
  me: 'The calling agent itself.',
};

/** The words of an action: `agent.rotate_key` is `agent rotate-key`. */
export function wordsOf(action: string): readonly [noun: string, verb: string] {
  const [noun = '', verb = ''] = action.split('.');
  return [noun, kebab(verb).replaceAll('_', '-')];
}

/** The command that holds those of one noun; made at its first. */
export function nounOf(program: Command, noun: string): Command {
  const found = program.commands.find((command) => command.name() === noun);
  return (
    found ??
    program
      .command(noun)
      .description(NOUNS[noun] ?? `Actions of ${noun}.`)
      .helpOption('-h, --help', 'show this')
      .helpCommand(false)
  );
}

/** A command for each action that there is. */
export function addActions(program: Command, session: Session): void {
  for (const action of API.actions) addAction(nounOf(program, wordsOf(action.name)[0]), action, session);
}

function addAction(parent: Command, action: ActionDescription, session: Session): void {
  const command = parent.command(wordsOf(action.name)[1]).description(describe(action)).summary(action.summary);
  const params = paramsOf(action);
  addParams(command, params);
  const extra = EXTRAS[action.name];
  extra?.addTo(command);
  command.option('--request <json|@file|->', 'all params as one JSON object; options outrank it');
  if (action.list) command.option('--all', 'follow the pages to the end');
  if (action.effect !== 'read')
    command.option(
      '--idempotency-key <text>',
      'the same key gives the same answer again, for 24 hours; made by itself',
    );
  addCommonOptions(command);
  const places = params.filter((param) => param.in === 'path').map(({ name }) => `<${kebab(name)}>`);
  command.usage([...places, '[options]'].join(' '));
  command.action(async (...given: unknown[]) => {
    const options = given.at(-2) as Options & CommonOptions & CallWords;
    const words = given.slice(0, -2) as (string | undefined)[];
    let values = await paramsOfCommand(params, words, options, session);
    if (extra?.prepare) values = await extra.prepare(values, options, session);
    checkRequired(params, values);
    const client = await session.client(options);
    const answer = await callAction(client, action, values, options, session);
    if (extra?.after) await extra.after(answer, client, options, session);
  });
}

function describe({ summary, capability, name }: ActionDescription): string {
  return `${summary}\n\nThe action ${name}; it needs ${capability ? `the capability ${capability}` : 'no capability'}.`;
}
