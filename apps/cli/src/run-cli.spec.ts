import { PassThrough, Writable } from 'node:stream';
import { capturedIo } from './captured-io';
import { runCli } from './run-cli';

it('stops waiting for standard input when it is interrupted', async () => {
  const interrupted = new AbortController();
  const io = { ...capturedIo(), stdin: new PassThrough(), signal: interrupted.signal };
  const ended = runCli(['workflow', 'validate', '-f', '-'], io);
  interrupted.abort();
  expect(await ended).toBe(130);
});

it('reads standard input once', async () => {
  const io = capturedIo({ AGENTCTL_KEY: 'mj_agent_x' }, '{}');
  expect(await runCli(['event', 'emit', '--type', 'a.b', '--data', '-', '--request', '-'], io)).toBe(2);
  expect(io.err()).toContain('can be read only once');
});

it.each(['EPIPE', 'ERR_STREAM_DESTROYED'])('takes %s for a reader that has seen enough', async (code) => {
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('gone'), { code })) });
  expect(await runCli(['completion', 'bash'], { ...capturedIo(), stdout })).toBe(0);
});

it('tells what is wrong as JSON where JSON was asked for', async () => {
  const io = capturedIo();
  expect(await runCli(['run', 'list', '--json'], { ...io, env: { XDG_CONFIG_HOME: '/nowhere' } })).toBe(3);
  expect(JSON.parse(io.err())).toEqual({
    detail: 'There is no key. Run agentctl login, or set AGENTCTL_KEY.',
    exitCode: 3,
  });
});

it('lets no file write to the terminal but text', async () => {
  const definition = JSON.stringify({ name: 'n', steps: [], '\u001b]0;own\u0007': 1 });
  const io = capturedIo({}, definition);
  expect(await runCli(['workflow', 'validate', '-f', '-'], io)).toBe(1);
  expect(io.err()).toContain('\\u001b]0;own\\u0007');
  expect(io.err()).not.toContain('\u001b');
});

it('says which version it is, and what its exit codes mean', async () => {
  const io = capturedIo();
  expect(await runCli(['--version'], io)).toBe(0);
  expect(await runCli(['--help'], io)).toBe(0);
  expect(io.out()).toMatch(/^\d+\.\d+\.\d+\n/);
  expect(io.out()).toContain('6  not reachable');
});
