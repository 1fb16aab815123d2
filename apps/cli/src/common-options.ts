import { Option, type Command } from 'commander';

const GROUP = 'Common options:';

/** The options that every command has, wherever they stand among its own. */
export function addCommonOptions(command: Command): Command {
  const add = (flags: string, description: string) =>
    command.addOption(new Option(flags, description).helpGroup(GROUP));
  add('--json', 'print what the platform answered, for programs');
  add('--url <url>', 'of the platform (AGENTCTL_URL; http://127.0.0.1:3000)');
  add('--profile <name>', 'whose stored key is used (AGENTCTL_PROFILE)');
  add('--key-file <file>', 'read the key from a file, or by - from standard input (AGENTCTL_KEY)');
  command.helpOption('-h, --help', 'show this');
  return command;
}

/** Names that no param of an action may have, as it could not be told apart. */
export const COMMON_NAMES: readonly string[] = [
  'json',
  'url',
  'profile',
  'keyFile',
  'request',
  'idempotencyKey',
  'all',
];
