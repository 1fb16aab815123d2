import { createCipheriv, randomBytes } from 'node:crypto';
import { decrypt, deriveKey, encrypt, generateIV } from './encryption';

const key = randomBytes(32);
const text = Buffer.from('a secret');

describe('encryption', () => {
  it('opens what it sealed, for the same key and identity only', () => {
    const sealed = encrypt(text, key, 'row 1');
    expect(decrypt(sealed, key, 'row 1')).toEqual(text);
    expect(() => decrypt(sealed, key, 'row 2')).toThrow();
    expect(() => decrypt(sealed, randomBytes(32), 'row 1')).toThrow();
  });

  it('notices every changed and every missing byte', () => {
    const sealed = encrypt(text, key, 'row 1');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => decrypt(changed, key, 'row 1')).toThrow();
      expect(() => decrypt(sealed.subarray(0, at), key, 'row 1')).toThrow();
    }
  });

  it('refuses a tag that was cut to 4 bytes', () => {
    const iv = generateIV();
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from('row 1'));
    const cut = Buffer.concat([iv, cipher.update(text), cipher.final(), cipher.getAuthTag().subarray(0, 4)]);
    expect(() => decrypt(cut, key, 'row 1')).toThrow();
  });

  it('takes a fresh IV each time', () => {
    const heads = Array.from({ length: 1000 }, () => encrypt(text, key, '').subarray(0, 12).toString('hex'));
    expect(new Set(heads).size).toBe(1000);
  });

  it('decrypts the published vector of AES-256-GCM (NIST GCM specification, test case 16)', () => {
    const vector = {
      key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
      iv: 'cafebabefacedbaddecaf888',
      plain:
        'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
      cipher:
        '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    };
    const aad = Buffer.from('feedfacedeadbeeffeedfacedeadbeefabaddad2', 'hex');
    const tag = '76fc6ece0f4e1768cddf8853bb2d551b';
    const message = Buffer.from(vector.iv + vector.cipher + tag, 'hex');
    expect(decrypt(message, Buffer.from(vector.key, 'hex'), aad).toString('hex')).toBe(vector.plain);
    expect(() => decrypt(message, Buffer.from(vector.key, 'hex'), '')).toThrow();
  });

  it.each([
    ['passwd', 'salt', 1, '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc'],
    ['Password', 'NaCl', 80_000, '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56'],
  ])(
    'derives the first 32 bytes of the vectors of RFC 7914 section 11 (%s, %s, %d rounds)',
    async (text, salt, rounds, hex) => {
      expect((await deriveKey(text, Buffer.from(salt), rounds)).toString('hex')).toBe(hex);
    },
  );

  it('derives a key as PBKDF2-HMAC-SHA256 with 100 000 rounds does', async () => {
    // Reference: Python's hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 100000).
    const derived = await deriveKey('password', Buffer.from('salt'));
    expect(derived.toString('hex')).toBe('0394a2ede332c9a13eb82e9b24631604c31df978b4e2f0fbd2c549944f9d79a5');
  });
});
