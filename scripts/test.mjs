// `npm test`: installs what is missing, then lint, format, types, unused exports and all tests, with one summary.
//   npm test -- gateway     only the tests whose path has this word
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chdir } from 'node:process';
import { fileURLToPath } from 'node:url';
import { runCommand } from './lib/command.mjs';
import { installHelm } from './lib/helm.mjs';
import { checkNode, installNatsServer, installPackages } from './lib/install.mjs';
import { run, step, Stop } from './lib/terminal.mjs';

// The module boundaries of the lint are checked on Nx's graph of the projects, which this makes.
const GRAPH = { name: 'Project graph', command: ['node_modules/.bin/nx', 'show', 'projects', '--json'] };
/** The lint takes as long as the others together: each of the two has a core. */
const CHECKS = [
  [{ name: 'Lint', command: ['node_modules/.bin/eslint', '.', '--max-warnings', '0'] }],
  [
    { name: 'Format', command: ['node_modules/.bin/prettier', '--check', '.', '--log-level', 'warn'] },
    { name: 'Types', command: ['node_modules/.bin/tsc', '-p', 'tsconfig.json', '--noEmit'] },
    { name: 'Unused files, exports and packages', command: ['node_modules/.bin/knip', '--no-progress'] },
  ],
];
const CHECK_TIMEOUT_MS = 120_000;
/** Where the tests of the Helm chart are. */
const CHART = 'infra/helm';
// Eight minutes on two cores; a machine that is slow for a while is no failure.
const TESTS_TIMEOUT_MS = 900_000;

run(async () => {
  const patterns = process.argv.slice(2);
  chdir(fileURLToPath(new URL('..', import.meta.url)));
  checkNode();
  await installPackages();
  if (process.env.TEST_BACKEND !== 'containers') await installNatsServer();

  if (patterns.length > 0) return summarise([await tests('Tests', patterns)]);
  // Built from its sources, which takes minutes of what the tests leave of the processor.
  const helm = installHelm().catch(() => undefined);
  const results = await checks();
  results.push(await tests('Unit, integration and end-to-end tests', ['--testPathIgnorePatterns', CHART]));
  await step('Helm', () => helm);
  results.push(await tests('Chart', [CHART]));
  summarise(results);
});

async function checks() {
  const graph = await check(GRAPH);
  const lanes = CHECKS.map(async (lane) => {
    const results = [];
    for (const each of lane) results.push(await check(each));
    return results;
  });
  return [graph, ...(await Promise.all(lanes)).flat()];
}

/** A check counts as one test. */
async function check({ name, command: [command, ...args] }) {
  const { code } = await reported(name, command, args, CHECK_TIMEOUT_MS);
  return { name, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

async function tests(name, patterns) {
  const file = join(tmpdir(), `agent-platform-tests-${process.pid}.json`);
  const args = ['--maxWorkers=2', '--forceExit', '--json', `--outputFile=${file}`, ...patterns];
  const { code, output } = await reported(name, 'node_modules/.bin/jest', args, TESTS_TIMEOUT_MS);
  for (const line of output.matchAll(/^skipped: .*$/gm)) console.log(`  ${line[0]}`);
  let report = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numRuntimeErrorTestSuites: 0 };
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
    rmSync(file);
  } catch {
    // Jest ended before it could write its report: its exit code counts below.
  }
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  return {
    name,
    passed: report.numPassedTests,
    failed: code === 0 ? failed : Math.max(failed, 1),
    skipped: report.numPendingTests,
  };
}

/** Runs a stage; what it printed is shown only when it failed. */
async function reported(name, command, args, timeoutMs) {
  let result;
  try {
    await step(name, async () => {
      // Jest writes its report to a file and its JSON to standard output as well: the latter is of no use here.
      result = await runCommand(command, args, { timeoutMs, env: { ...process.env, FORCE_COLOR: '0' } });
      if (result.code !== 0) throw new Stop(name);
    });
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    const readable = result.output.split('\n').filter((line) => !line.startsWith('{"numFailedTestSuites"'));
    console.log(readable.join('\n'));
    if (result.code === null) console.log(`  ${name} took longer than ${timeoutMs / 1000} s and was ended.`);
  }
  return result;
}

function summarise(results) {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log('');
  for (const { name, passed, failed } of results) {
    console.log(`  ${failed > 0 ? '✗' : '✓'} ${name.padEnd(width)}  ${passed} passed, ${failed} failed`);
  }
  const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
  const skipped = total('skipped');
  console.log(`\n${total('passed')} passed, ${total('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(total('failed') > 0 ? 1 : 0);
}
