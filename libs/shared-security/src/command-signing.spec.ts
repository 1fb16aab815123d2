import { createHash } from 'node:crypto';
import { checkReplayWindow, generateSignature, verifySignature } from './command-signing';

const bodyHash = createHash('sha256').update('{"action":"workflow.list"}').digest('hex');
const command = { timestamp: '1764000000', nonce: 'a'.repeat(16), method: 'POST', path: '/v1/actions?a=1', bodyHash };
const signature = generateSignature('secret', command);

describe('command signatures', () => {
  it('follow the canonical text', () => {
    // Reference: printf 'v1\n1764000000\naaaaaaaaaaaaaaaa\nPOST\n/v1/actions?a=1\n%s' <hash> | openssl dgst -sha256 -hmac secret
    expect(bodyHash).toBe('691fe6620cb41358683fadf5933a2c32a73da05db5929e0476c4e5d95d528ff3');
    expect(signature).toBe('v1=a7dc5ad85f9d48969e9873d237a496bda47e69b4baa0eb2512d614a1d0c47723');
  });

  it('fit nothing but what was signed', () => {
    expect(verifySignature('secret', command, signature)).toBe(true);
    for (const [field, value] of Object.entries(command)) {
      const last = value.endsWith('1') ? '2' : '1';
      expect(verifySignature('secret', { ...command, [field]: value.slice(0, -1) + last }, signature)).toBe(false);
    }
    expect(verifySignature('Secret', command, signature)).toBe(false);
  });

  it.each([
    ['in upper case', `v1=${signature.slice(3).toUpperCase()}`],
    ['without version', signature.slice(3)],
    ['of another version', `v2=${signature.slice(3)}`],
    ['cut', signature.slice(0, -1)],
    ['too long', `${signature}0`],
    ['with a wrong last digit', `${signature.slice(0, -1)}g`],
    ['with a blank', `${signature} `],
    ['twice', `${signature},${signature}`],
    ['empty', ''],
  ])('are refused %s', (_what, bad) => {
    expect(verifySignature('secret', command, bad)).toBe(false);
  });
});

describe('the replay window', () => {
  const now = 1_764_000_000_000;
  it('is 300 seconds either way, and not one more', () => {
    for (const offset of [-300, 0, 300]) expect(checkReplayWindow(String(1_764_000_000 + offset), now)).toBe(true);
    for (const offset of [-301, 301]) expect(checkReplayWindow(String(1_764_000_000 + offset), now)).toBe(false);
  });

  it.each([
    '',
    '0',
    '-1764000000',
    '1764000000.0',
    '1.764e9',
    ' 1764000000',
    '0x69246a00',
    '1764000000000',
    'NaN',
    '１７６４',
  ])('refuses %j', (timestamp) => {
    expect(checkReplayWindow(timestamp, now)).toBe(false);
  });
});
