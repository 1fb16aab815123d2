import { API } from '@agent-platform/api-description';
import { execFileSync } from 'node:child_process';
import { wordsOf } from '../actions/action-commands';
import { capturedIo } from '../captured-io';
import { buildProgram } from '../program';
import { runCli } from '../run-cli';
import { Session } from '../session';
import { completionNodes } from './completion-tree';

async function script(shell: string): Promise<string> {
  const io = capturedIo();
  expect(await runCli(['completion', shell], io)).toBe(0);
  return io.out();
}

/** What bash offers behind a command line. */
function offered(source: string, ...words: string[]): string[] {
  const line = ['agentctl', ...words].map((word) => `'${word}'`).join(' ');
  const ask = `${source}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length}; _agentctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', ask], { encoding: 'utf8' }).split('\n').filter(Boolean);
}

it('bash completes nouns, verbs and options, wherever they stand', async () => {
  const source = await script('bash');
  expect(offered(source, 'wor')).toEqual(['workflow']);
  expect(offered(source, 'workflow', 'cre')).toEqual(['create']);
  expect(offered(source, 'workflow', 'execute', 'some-id', '--wa').sort()).toEqual(['--wait', '--watch']);
  expect(offered(source, '--json', 'events', 't')).toEqual(['tail']);
});

it.each(['bash', 'zsh', 'fish'])('%s is told every command', async (shell) => {
  const source = await script(shell);
  for (const { name } of API.actions) expect(source).toContain(wordsOf(name).join(' '));
});

it('quotes what the help says, so that no text of it ends a word of a script', async () => {
  const zsh = await script('zsh');
  expect(zsh).toContain("'list:The agent'\\''s workflows, newest first.'");
  expect(await script('fish')).toContain("-a list -d 'The agent\\'s workflows, newest first.'");
});

it('knows each command with its options', () => {
  const nodes = completionNodes(buildProgram(new Session(capturedIo())));
  expect(nodes.find(({ words }) => words === 'agent rotate-key')?.options.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['--grace-seconds', '--json', '--help']),
  );
});

it('refuses a shell that it does not know', async () => {
  expect(await runCli(['completion', 'cmd'], capturedIo())).toBe(2);
});
