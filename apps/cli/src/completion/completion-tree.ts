import type { Command, Option } from 'commander';

/** What may be typed behind a command. */
export interface CompletionNode {
  /** The words up to here: `workflow create`; '' for the tool itself. */
  readonly words: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly { readonly name: string; readonly summary: string; readonly takesValue: boolean }[];
}

/** Every command of the tool with what it takes, its aliases included. */
export function completionNodes(command: Command, words = ''): CompletionNode[] {
  const commands = command.commands.flatMap((each) =>
    [each.name(), ...each.aliases()].map((name) => ({ name, summary: summaryOf(each), command: each })),
  );
  const options = [...command.options, ...helpOf(command)].map((option) => ({
    name: option.long ?? option.short ?? '',
    summary: firstLine(option.description),
    takesValue: option.required || option.optional,
  }));
  const below = commands.flatMap(({ name, command: each }) => completionNodes(each, `${words} ${name}`.trim()));
  return [{ words, commands: commands.map(({ name, summary }) => ({ name, summary })), options }, ...below];
}

function helpOf(command: Command): Option[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => long === '--help');
}

function summaryOf(command: Command): string {
  return firstLine(command.summary() || command.description());
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
