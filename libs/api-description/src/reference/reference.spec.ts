import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { API } from '../api';
import { curlOf } from './curl';
import { referenceMarkdown } from './markdown';
import { referencePage } from './page';
import { typeText } from './type-text';

const FILE = join(__dirname, '../../../../docs/api-reference.md');

it('stands in docs/api-reference.md as it follows from the contracts (UPDATE_GENERATED=1 writes it)', () => {
  const text = referenceMarkdown();
  if (process.env.UPDATE_GENERATED) writeFileSync(FILE, text);
  expect(readFileSync(FILE, 'utf8')).toBe(text);
});

it('leads to headings that are there', () => {
  const text = referenceMarkdown();
  const headings = [...text.matchAll(/^###? (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(' ', '-')
      .replace(/[^a-z0-9_-]/g, ''),
  );
  const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, link]) => link);
  expect(links.filter((link) => !headings.includes(link ?? ''))).toEqual([]);
  expect(new Set(headings).size).toBe(headings.length);
});

describe('the page', () => {
  const html = referencePage('1.2.3');

  it('shows every action, type and problem, once, and leads to what is there', () => {
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name } of API.actions) expect(ids).toContain(name);
    for (const code of Object.keys(API.problems)) expect(ids).toContain(code);
    const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, link]) => link);
    expect(links.filter((link) => !ids.includes(link))).toEqual([]);
  });

  it('loads nothing and runs nothing', () => {
    expect(html).not.toMatch(/<script|<link|<img|src=|url\(|@import|href="http/);
  });
});

it('writes types as people read them', () => {
  const text = (schema: Parameters<typeof typeText>[0]) =>
    typeText(schema)
      .words.map((word) => (typeof word === 'string' ? word : word.name))
      .join('');
  expect(text({ type: 'integer', minimum: 1, maximum: 200 })).toBe('whole number, 1 to 200');
  expect(text({ type: 'array', items: { $ref: '#/$defs/Capability' } })).toBe('list of Capability');
  expect(text({ anyOf: [{ $ref: '#/$defs/RunError' }, { type: 'null' }] })).toBe('RunError or null');
  expect(text({ type: 'string', enum: ['asc', 'desc'] })).toBe('"asc" or "desc"');
});

it('shows an action as a command', () => {
  const command = (name: string) =>
    curlOf(API.actions.find((action) => action.name === name) ?? (API.actions[0] as never));
  expect(command('run.list')).toBe('curl "$URL/v1/runs?limit=20&status=failed" -H "Authorization: Bearer $KEY"');
  expect(command('agent.revoke_key')).toMatch(/^curl -X DELETE "\$URL\/v1\/agents\/[0-9a-f-]+\/keys\/[0-9a-f-]+" -H/);
});
