import type { JsonObject } from '@agent-platform/contracts';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  /** Of its first line in the page, from 1. */
  readonly line: number;
  readonly language: string;
  /** Why it cannot run, where it says so: `no-run: why`. */
  readonly noRun: string | undefined;
  /** Seconds after which what never ends is ended: `timeout: 2`. */
  readonly timeoutSeconds: number | undefined;
  /** The input of a workflow that is run to its end: `runs: {…}`; of one that fails then: `fails: {…}`. */
  readonly input: JsonObject | undefined;
  /** What it prints when it is refused, as the page says: `fails: text`. */
  readonly refusal: string | undefined;
  /** A workflow whose run fails. */
  readonly fails: boolean;
  readonly text: string;
}

const FENCE = /^( *)```(.*)\n([\s\S]*?)^ *```$/gm;

/** The pages whose blocks are run: README.md and docs/*.md, and of what they consist. */
export function readBlocks(root: string): Map<string, readonly Block[]> {
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const pages = ['README.md', ...docs.sort().map((name) => `docs/${name}`)];
  return new Map(pages.map((page) => [page, blocksOf(page, readFileSync(join(root, page), 'utf8'))]));
}

function blocksOf(page: string, text: string): Block[] {
  return [...text.matchAll(FENCE)].map((match) => {
    const [, indent = '', info = '', body = ''] = match;
    const [language = '', ...words] = info.trim().split(' ');
    const options = words.join(' ');
    const input = /^(?:runs|fails): (\{.*\})$/.exec(options)?.[1];
    const seconds = /^timeout: (\d+)$/.exec(options)?.[1];
    return {
      page,
      line: text.slice(0, match.index).split('\n').length + 1,
      language,
      noRun: /^no-run: (.+)$/.exec(options)?.[1],
      refusal: /^fails: ([^{].*)$/.exec(options)?.[1],
      fails: options.startsWith('fails: {'),
      input: input === undefined ? undefined : (JSON.parse(input) as JsonObject),
      timeoutSeconds: seconds === undefined ? undefined : Number(seconds),
      text: body.replaceAll(`\n${indent}`, '\n').slice(body.startsWith(indent) ? indent.length : 0),
    };
  });
}
