import { readTokenAnswer } from './token-answer';

const JSON_TYPE = 'application/json; charset=utf-8';
const read = (body: object | string, status = 200, type = JSON_TYPE) =>
  readTokenAnswer(status, type, typeof body === 'string' ? body : JSON.stringify(body));

describe('readTokenAnswer', () => {
  it('reads the answer of RFC 6749 section 5.1', () => {
    const example = {
      access_token: '2YotnFZFEjr1zCsicMWpAA',
      token_type: 'example',
      expires_in: 3600,
      refresh_token: 'tGzv3JOkF0XG5Qx2TlKWIA',
    };
    expect(read({ ...example, token_type: 'Bearer' })).toMatchObject({
      tokens: { accessToken: example.access_token, refreshToken: example.refresh_token, expiresInSeconds: 3600 },
    });
    expect(read(example)).toHaveProperty('unusable');
  });

  it.each([
    [
      'a form, as GitHub answers without Accept',
      'access_token=abc&scope=repo%2Cgist&token_type=bearer',
      'application/x-www-form-urlencoded',
    ],
    ['scopes with commas', JSON.stringify({ access_token: 'abc', scope: 'repo,gist' }), JSON_TYPE],
    [
      'the bot token of Slack',
      JSON.stringify({ ok: true, access_token: 'abc', token_type: 'bot', scope: 'repo,gist' }),
      JSON_TYPE,
    ],
  ])('reads %s', (_what, body, type) => {
    expect(read(body, 200, type)).toMatchObject({ tokens: { accessToken: 'abc', scopes: ['repo', 'gist'] } });
  });

  it('reads an expiry that is text, and none', () => {
    expect(read({ access_token: 'abc', expires_in: '3600' })).toMatchObject({ tokens: { expiresInSeconds: 3600 } });
    expect(read({ access_token: 'abc' })).toMatchObject({
      tokens: { expiresInSeconds: undefined, refreshToken: undefined },
    });
    expect(read({ access_token: 'abc', refresh_token: '' })).toMatchObject({ tokens: { refreshToken: undefined } });
  });

  it.each([
    [{ error: 'invalid_grant' }, 400, 'invalid_grant'],
    [{ error: 'bad_verification_code', error_description: 'secret' }, 200, 'bad_verification_code'],
    [{ ok: false, error: 'invalid_code' }, 200, 'invalid_code'],
    [{ error: 'a\nb' }, 400, 'unknown_error'],
    [{ error: 'x'.repeat(500) }, 400, 'unknown_error'],
  ])('reads the error of %j', (body, status, error) => {
    expect(read(body, status)).toEqual({ error });
  });

  it.each([
    [{ access_token: 5 }],
    [{ access_token: '' }],
    [{ access_token: 'with blank' }],
    [{ access_token: 'line\nbreak' }],
    [{ access_token: 'x'.repeat(20_000) }],
    [{ access_token: null }],
    [{ access_token: ['abc'] }],
    [{ access_token: 'abc', token_type: 'mac' }],
    [{ access_token: 'abc', token_type: 5 }],
    [{ access_token: 'abc', token_type: 'DPoP' }],
    [{ access_token: 'abc', refresh_token: 5 }],
    [{ access_token: 'abc', refresh_token: 'a b' }],
    [{ access_token: 'abc', expires_in: -1 }],
    [{ access_token: 'abc', expires_in: 'soon' }],
    [{ access_token: 'abc', expires_in: 1e300 }],
    [{ access_token: 'abc', expires_in: {} }],
    [{}],
    ['[]'],
    ['null'],
    ['"abc"'],
    ['<html>'],
    [''],
  ])('refuses %j', (body) => {
    expect(read(body)).toHaveProperty('unusable');
  });
});
