import { execFileSync } from 'node:child_process';
import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  scryptSync,
  type KeyObject,
} from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { DerReader } from './der-reader.js';
import { derElement, derOid, derSequence, derUnsigned } from './der-writer.js';
import { ecPkcs8, pkcs8Of } from './private-key-encoding.js';
import { parsePrivateKey } from './private-key-import.js';
import { runtimeKeySpecs } from './runtime-key-specs.js';

const der = (key: KeyObject): Buffer => key.export({ type: 'pkcs8', format: 'der' });
const spkiOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });
const ecKey = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;
const openssl = (args: string[], input: Buffer | string): Buffer =>
  execFileSync('openssl', args, { input, stdio: 'pipe' });
const refused = (detail: RegExp, code = 'invalid_key_material') =>
  expect.objectContaining({ code, detail: expect.stringMatching(detail) });

let rsa: KeyObject;
/** The nine numbers of RSAPrivateKey (RFC 8017 §A.1.2). */
let numbers: bigint[];
const ec = ecKey('prime256v1');
const ed25519 = generateKeyPairSync('ed25519').privateKey;

const integer = (value: bigint): Buffer => {
  const hex = value.toString(16);
  return derUnsigned(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
};
const pkcs1 = (parts: bigint[]): Buffer => derSequence(...parts.map(integer));
const changed = (index: number, value: bigint): Buffer =>
  pkcs1(numbers.map((one, at) => (at === index ? value : one)));

beforeAll(() => {
  rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const body = new DerReader(rsa.export({ type: 'pkcs1', format: 'der' })).sequence();
  numbers = Array.from({ length: 9 }, () => BigInt(`0x${body.unsigned().toString('hex')}`));
});

describe('forms that are taken', () => {
  it.each([
    ['PKCS#8 PEM of RSA', () => rsa.export({ type: 'pkcs8', format: 'pem' }), () => rsa],
    ['PKCS#8 DER of RSA', () => der(rsa), () => rsa],
    ['PKCS#1 PEM', () => rsa.export({ type: 'pkcs1', format: 'pem' }), () => rsa],
    ['PKCS#1 DER', () => rsa.export({ type: 'pkcs1', format: 'der' }), () => rsa],
    ['SEC 1 PEM', () => ec.export({ type: 'sec1', format: 'pem' }), () => ec],
    ['SEC 1 DER', () => ec.export({ type: 'sec1', format: 'der' }), () => ec],
    ['PKCS#8 of Ed25519', () => der(ed25519), () => ed25519],
    ['PEM with a comment and CRLF', () => `# mine\r\n${rsaPem().replaceAll('\n', '\r\n')}`, () => rsa],
  ])('%s', async (_, encoded, key) => {
    const parsed = await parsePrivateKey('acme', Buffer.from(encoded()));
    expect(parsed.spki).toEqual(spkiOf(key()));
    expect(parsed.pkcs8.expose('test')).toEqual(der(key()));
    expect(parsed.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  const rsaPem = (): string => rsa.export({ type: 'pkcs8', format: 'pem' }) as string;

  it('SEC 1 behind the EC PARAMETERS block that OpenSSL writes', async () => {
    const pem = openssl(['ecparam', '-name', 'secp384r1', '-genkey'], '');
    expect(pem.toString()).toContain('EC PARAMETERS');
    expect((await parsePrivateKey('acme', pem)).spec).toMatchObject({ algorithm: 'ECDSA', size: 384 });
  });

  it.each(
    runtimeKeySpecs()
      .filter((spec) => spec.namedCurve)
      .map((spec) => [spec.namedCurve!, spec] as const),
  )('every curve, also with the public point compressed or absent: %s', async (namedCurve, spec) => {
    const key = ecKey(namedCurve);
    const compressed = openssl(
      ['ec', '-inform', 'DER', '-outform', 'DER', '-conv_form', 'compressed'],
      key.export({ type: 'sec1', format: 'der' }),
    );
    const absent = openssl(
      ['ec', '-inform', 'DER', '-outform', 'DER', '-no_public'],
      key.export({ type: 'sec1', format: 'der' }),
    );
    for (const encoded of [der(key), compressed, absent]) {
      const parsed = await parsePrivateKey('acme', encoded);
      expect(parsed.spec).toBe(spec);
      expect(parsed.spki).toEqual(spkiOf(key));
      expect(
        spkiOf(createPrivateKey({ key: parsed.pkcs8.expose('test'), format: 'der', type: 'pkcs8' })),
      ).toEqual(parsed.spki);
    }
    expect(absent.length).toBeLessThan(compressed.length);
  });

  it.each(
    runtimeKeySpecs()
      .filter((spec) => spec.algorithm === 'ML_DSA')
      .map((spec) => [spec.keyType, spec] as const),
  )('%s, where the runtime has it', async (keyType, spec) => {
    const { privateKey } = generateKeyPairSync(keyType as 'ed25519');
    const parsed = await parsePrivateKey('acme', der(privateKey));
    expect(parsed).toMatchObject({ spec, spki: spkiOf(privateKey) });
  });
});

describe('encrypted keys', () => {
  const encrypt = (...args: string[]): Buffer =>
    openssl(
      ['pkcs8', '-topk8', '-passout', 'pass:correct', ...args],
      ec.export({ type: 'pkcs8', format: 'pem' }) as string,
    );

  it.each([
    ['PBKDF2 with AES-256', ['-v2', 'aes-256-cbc']],
    ['PBKDF2 with AES-128 and HMAC-SHA-512', ['-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA512']],
    ['PBKDF2 with AES-192 and HMAC-SHA-1', ['-v2', 'aes-192-cbc', '-v2prf', 'hmacWithSHA1']],
    ['PBKDF2 with Triple DES', ['-v2', 'des3']],
    ['scrypt', ['-scrypt']],
    ['DER', ['-outform', 'DER']],
  ])('open with their passphrase: %s', async (_, args) => {
    const parsed = await parsePrivateKey('acme', encrypt(...args), 'correct');
    expect(parsed.pkcs8.expose('test')).toEqual(der(ec));
  });

  it('demand a passphrase, and the right one', async () => {
    const pem = encrypt();
    await expect(parsePrivateKey('acme', pem)).rejects.toThrow(refused(/is encrypted: give its passphrase/));
    for (let i = 0; i < 600; i += 1) {
      await expect(parsePrivateKey('acme', encryptedFast, `wrong${i}`)).rejects.toThrow(
        refused(/passphrase is wrong/),
      );
    }
  });

  const encryptedFast = encrypt('-v2', 'aes-256-cbc', '-iter', '1');

  it('open with scrypt of 32 MiB, the most that is taken', async () => {
    const key = scryptSync('correct', Buffer.alloc(8), 32, { N: 32768, r: 8, p: 1, maxmem: 2 ** 26 });
    const cipher = createCipheriv('aes-256-cbc', key, Buffer.alloc(16));
    const encrypted = scrypt(32768, 8, 1, Buffer.concat([cipher.update(der(ec)), cipher.final()]));
    expect((await parsePrivateKey('acme', encrypted, 'correct')).spki).toEqual(spkiOf(ec));
  });

  it('may come with a passphrase though nothing is encrypted', async () => {
    expect((await parsePrivateKey('acme', der(ec), 'unused')).spki).toEqual(spkiOf(ec));
  });

  it('derive 2,000,000 iterations while the event loop keeps turning', async () => {
    const pem = encrypt('-v2', 'aes-256-cbc', '-iter', '2000000');
    let pending = true;
    let turns = 0;
    const parsed = parsePrivateKey('acme', pem, 'correct').finally(() => (pending = false));
    for (; pending; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect((await parsed).spki).toEqual(spkiOf(ec));
    expect(turns).toBeGreaterThan(1000);
  });

  it('are given up at the deadline', async () => {
    const pem = encrypt('-v2', 'aes-256-cbc', '-iter', '1000000');
    await expect(parsePrivateKey('acme', pem, 'correct', 1)).rejects.toThrow(
      refused(/took longer than 0.001 s/),
    );
  });

  it.each([
    [
      'more than 2,000,000 PBKDF2 iterations',
      ['-v2', 'aes-256-cbc', '-iter', '2000001'],
      /2000001 PBKDF2 iterations/,
    ],
    ['PKCS#5 v1 schemes', ['-v1', 'PBE-SHA1-3DES'], /unsupported scheme/],
    ['a cipher that is none of PBES2', ['-v2', 'camellia-256-cbc'], /unsupported cipher/],
  ])('are refused with %s', async (_, args, reason) => {
    await expect(parsePrivateKey('acme', encrypt(...args), 'correct')).rejects.toThrow(refused(reason));
  });

  const scrypt = (n: number, r: number, p: number, ciphertext = Buffer.alloc(64)): Buffer => {
    const costs = [n, r, p].map((one) => integer(BigInt(one)));
    return pbes2(
      '1.3.6.1.4.1.11591.4.11',
      derSequence(derElement(0x04, Buffer.alloc(8)), ...costs),
      ciphertext,
    );
  };
  const pbes2 = (kdf: string, params: Buffer, ciphertext = Buffer.alloc(64)): Buffer => {
    const cipher = derSequence(derOid('2.16.840.1.101.3.4.1.42'), derElement(0x04, Buffer.alloc(16)));
    const parameters = derSequence(derSequence(derOid(kdf), params), cipher);
    return derSequence(
      derSequence(derOid('1.2.840.113549.1.5.13'), parameters),
      derElement(0x04, ciphertext),
    );
  };

  it.each([
    ['scrypt beyond 32 MiB', scrypt(65536, 8, 1), /32 MiB/],
    ['scrypt of 2⁴⁰ blocks', scrypt(2 ** 40, 8, 1), /32 MiB/],
    ['scrypt of much parallel work', scrypt(16384, 8, 17), /parallelization of 17/],
    ['scrypt of a cost that is no power of two', scrypt(16383, 8, 1), /impossible/],
    ['a key derivation nobody knows', pbes2('1.2.3.4', derSequence()), /key derivation \(1\.2\.3\.4\)/],
  ])('are refused before anything is derived: %s', async (_, encrypted, reason) => {
    await expect(parsePrivateKey('acme', encrypted, 'correct')).rejects.toThrow(refused(reason));
  });

  it('are refused when encrypted the traditional way, saying how to convert', async () => {
    const pem = ec.export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'correct' });
    await expect(parsePrivateKey('acme', Buffer.from(pem), 'correct')).rejects.toThrow(
      refused(/openssl pkcs8 -topk8/),
    );
  });
});

describe('what is no key', () => {
  const pem = (): string => ec.export({ type: 'pkcs8', format: 'pem' }) as string;
  it.each<[string, () => Buffer | string, RegExp]>([
    ['nothing', () => '', /is empty/],
    ['garbage', () => 'garbage', /not readable/],
    ['more bytes than any key has', () => Buffer.alloc(65 * 1024, 0x30), /longer than 65536/],
    ['two keys', () => pem() + pem(), /more than one key/],
    ['half a PEM block', () => pem().slice(0, 80), /not one complete block/],
    ['a PEM block that is not base64', () => pem().replace('\n', '\n!'), /not base64/],
    ['a PEM block that ends otherwise', () => pem().replace('END PRIVATE', 'END PUBLIC'), /another label/],
    [
      'a public key',
      () => createPublicKey(ec).export({ type: 'spki', format: 'pem' }) as string,
      /PEM block PUBLIC KEY is not/,
    ],
    ['a public key in DER', () => spkiOf(ec), /not readable/],
    ['DER with trailing bytes', () => Buffer.concat([der(ec), Buffer.of(0)]), /not readable/],
    ['DER cut short', () => der(ec).subarray(0, -1), /not readable/],
  ])('is refused: %s', async (_, encoded, reason) => {
    await expect(parsePrivateKey('acme', Buffer.from(encoded()))).rejects.toThrow(refused(reason));
  });

  it('is refused with a passphrase longer than any', async () => {
    await expect(parsePrivateKey('acme', der(ec), 'x'.repeat(1025))).rejects.toThrow(
      refused(/longer than 1024/),
    );
  });

  it('is refused for every truncation and for many changed bytes, always as 400', async () => {
    const encoded = ed25519.export({ type: 'pkcs8', format: 'der' });
    for (let at = 0; at < encoded.length; at += 1) {
      await expect(parsePrivateKey('acme', encoded.subarray(0, at))).rejects.toThrow(refused(/./));
    }
    for (let at = 0; at < 16; at += 1) {
      const damaged = Buffer.from(encoded);
      damaged[at]! ^= 0x55;
      await expect(parsePrivateKey('acme', damaged)).rejects.toThrow(refused(/./));
    }
  });
});

describe('RSA keys that are refused', () => {
  const ofBits = (bits: number): bigint => (1n << BigInt(bits - 1)) + 1n;
  it.each<[string, () => Buffer, RegExp, string?]>([
    ['2047 bits', () => changed(1, ofBits(2047)), /2047 bits is too short/],
    ['4097 bits', () => changed(1, ofBits(4097)), /4097 bits is too long/],
    [
      '2304 bits, a size no engine holds',
      () => changed(1, ofBits(2304)),
      /2304 bits, only of 2048, 3072, 4096/,
      'unsupported_by_engine',
    ],
    ['an even modulus', () => changed(1, ofBits(2048) - 1n), /modulus is even/],
    ['exponent 3', () => changed(2, 3n), /too small: at least 65537/],
    ['an even exponent', () => changed(2, 65536n), /exponent is even/],
    ['an exponent of 65 bits', () => changed(2, ofBits(65)), /longer than 64 bits/],
    ['another modulus', () => changed(1, numbers[1]! + 2n), /inconsistent/],
    ['another public exponent', () => changed(2, 65539n), /inconsistent/],
    ['another private exponent', () => changed(3, numbers[3]! + 2n), /inconsistent/],
    ['another prime', () => changed(4, numbers[4]! + 2n), /inconsistent/],
    ['another dp', () => changed(6, numbers[6]! + 2n), /inconsistent/],
    ['another dq', () => changed(7, numbers[7]! + 2n), /inconsistent/],
    ['another coefficient', () => changed(8, numbers[8]! + 1n), /inconsistent/],
    ['a component of absurd length', () => changed(4, ofBits(20000)), /longer than it may be/],
    ['several primes', () => pkcs1([1n, ...numbers.slice(1)]), /more than two primes/],
    ['a number missing', () => pkcs1(numbers.slice(0, 8)), /not readable/],
    ['a number too many', () => pkcs1([...numbers, 1n]), /not readable/],
  ])('%s', async (_, encoded, reason, code) => {
    await expect(parsePrivateKey('acme', encoded())).rejects.toThrow(refused(reason, code));
  });

  it('restricted to RSASSA-PSS', async () => {
    const { privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
    await expect(parsePrivateKey('acme', der(privateKey))).rejects.toThrow(refused(/RSASSA-PSS/));
  });
});

describe('EC and other keys that are refused', () => {
  const P256 = derOid('1.2.840.10045.3.1.7');
  const point = spkiOf(ec).subarray(-65);
  const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
  const withPoint = (bytes: Buffer): Buffer => ecPkcs8(P256, Buffer.alloc(32, 1), bytes);

  it.each<[string, () => Buffer, RegExp]>([
    ['the public point of another key', () => withPoint(point), /does not belong/],
    [
      'a point off the curve',
      () => withPoint(Buffer.concat([point.subarray(0, 64), Buffer.of(point[64]! ^ 1)])),
      /not on the curve/,
    ],
    ['a scalar of zero', () => ecPkcs8(P256, Buffer.alloc(32), point), /not between 1 and the order/],
    [
      'a scalar of the order',
      () => ecPkcs8(P256, Buffer.from(order, 'hex'), point),
      /not between 1 and the order/,
    ],
    [
      'a curve that is not supported, by its name',
      () => der(ecKey('brainpoolP256r1')),
      /curve brainpoolP256r1 is not supported/,
    ],
    [
      'a curve nobody knows, by its identifier',
      () => ecPkcs8(derOid('1.2.3'), Buffer.alloc(32, 1), point),
      /curve 1\.2\.3 is not/,
    ],
    [
      'explicit curve parameters',
      () =>
        openssl(
          [
            'genpkey',
            '-algorithm',
            'EC',
            '-outform',
            'DER',
            '-pkeyopt',
            'ec_paramgen_curve:P-256',
            '-pkeyopt',
            'ec_param_enc:explicit',
          ],
          '',
        ),
      /by its name, not by parameters/,
    ],
    ['X25519', () => der(generateKeyPairSync('x25519').privateKey), /X25519 are not supported/],
    ['Ed448', () => der(generateKeyPairSync('ed448').privateKey), /Ed448 are not supported/],
    [
      'an algorithm nobody knows',
      () => pkcs8Of(derSequence(derOid('1.2.3')), Buffer.alloc(3)),
      /algorithm 1\.2\.3 are not/,
    ],
  ])('%s', async (_, encoded, reason) => {
    await expect(parsePrivateKey('acme', encoded())).rejects.toThrow(refused(reason));
  });

  it('Ed25519 with the public half of another key beside it', async () => {
    const other = spkiOf(generateKeyPairSync('ed25519').privateKey).subarray(-32);
    const encode = (publicKey: Buffer): Buffer =>
      derSequence(
        integer(1n),
        derSequence(derOid('1.3.101.112')),
        derElement(0x04, der(ed25519).subarray(-34)),
        derElement(0x81, Buffer.of(0), publicKey),
      );
    await expect(parsePrivateKey('acme', encode(other))).rejects.toThrow(refused(/does not belong/));
    expect(
      (await parsePrivateKey('acme', encode(spkiOf(ed25519).subarray(-32)))).pkcs8.expose('test'),
    ).toEqual(der(ed25519));
  });

  it.skipIf(runtimeKeySpecs().some((spec) => spec.algorithm === 'ML_DSA'))(
    'ML-DSA where the runtime has none',
    async () => {
      const encoded = pkcs8Of(derSequence(derOid('2.16.840.1.101.3.4.3.17')), Buffer.alloc(34));
      await expect(parsePrivateKey('acme', encoded)).rejects.toThrow(
        refused(/ML-DSA-44 needs a newer/, 'unsupported_by_engine'),
      );
    },
  );
});

describe('when many keys come at once', () => {
  const settled = async (group: string, count: number): Promise<string[]> => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: count }, () => parsePrivateKey(group, der(ec))),
    );
    return outcomes.map((one) =>
      one.status === 'fulfilled' ? 'taken' : (one.reason as { code: string }).code,
    );
  };

  it('those of one group beyond its bound are refused, and nobody else’s', async () => {
    const greedy = settled('greedy', 300);
    expect(await settled('acme', 5)).toEqual(Array(5).fill('taken'));
    const codes = await greedy;
    expect(codes.filter((code) => code === 'rate_limited')).toHaveLength(300 - 257);
    expect(codes.filter((code) => code === 'taken')).toHaveLength(257);
  });

  it('a group that comes late waits for one key of each other group, not for all of them', async () => {
    const done: string[] = [];
    const take = (group: string): Promise<unknown> =>
      parsePrivateKey(group, der(ec)).then(() => done.push(group));
    const greedy = Array.from({ length: 20 }, () => take('greedy'));
    await Promise.all([...greedy, take('late')]);
    expect(done.indexOf('late')).toBeLessThanOrEqual(2);
  });
});
