import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KmsCaller, refusal } from '../../harness/kms-caller.js';
import { longestBlock } from '../../harness/loop-delay.js';
import { OpenSsl } from '../../harness/openssl.js';

const PASS = 'correct horse';
const IMPORT = `${KEYS}/import`;

type Material = { private_key: Buffer } | { public_key: Buffer };

/** What a row of the table expects of the answer. */
interface Refused {
  readonly material: () => Promise<Material>;
  readonly more?: object;
  /** 400 `invalid_key_material` unless it says otherwise. */
  readonly code?: readonly [number, string];
  /** What the reason says. */
  readonly says: RegExp;
}

describe('a key file that cannot be taken', () => {
  let app: TestApp;
  let client: KmsCaller;
  let openssl: OpenSsl;

  const ec = (curve = 'P-256') =>
    openssl.generate('-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`);
  const rsa = (bits: number, ...more: string[]) =>
    openssl.generate('-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`, ...more);
  const der = (key: Buffer, ...more: string[]) => openssl.print(['pkey', '-outform', 'DER', ...more], key);
  const encrypted = async (...how: string[]) =>
    openssl.print(['pkcs8', '-topk8', '-passout', `pass:${PASS}`, ...how], await ec());
  const flipped = (bytes: Buffer, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at < 0 ? copy.length + at : at]! ^= 1;
    return copy;
  };
  const asPrivate = (bytes: Buffer): Material => ({ private_key: bytes });
  const asPublic = (bytes: Buffer): Material => ({ public_key: bytes });
  const rsaPublic = (bits: number, e: string): Buffer => {
    const n = randomBytes(bits / 8);
    n[0]! |= 0x80;
    n[n.length - 1]! |= 1;
    const jwk = { kty: 'RSA', n: n.toString('base64url'), e };
    return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
  };
  /** An RSA key whose first prime is another one. */
  const inconsistentRsa = (): Buffer => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { p } = privateKey.export({ format: 'jwk' });
    const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'der' });
    return flipped(pkcs1, pkcs1.indexOf(Buffer.from(p!, 'base64url')) + 20);
  };

  const ROWS: Record<string, Refused> = {
    'random bytes': { material: async () => asPrivate(randomBytes(300)), says: /PEM or DER/ },
    'a text': { material: async () => asPrivate(Buffer.from('my key')), says: /PEM or DER/ },
    'a PEM block of rubbish': {
      material: async () =>
        asPrivate(Buffer.from('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')),
      says: /PEM or DER/,
    },
    'a PEM block that is not base64': {
      material: async () =>
        asPrivate(Buffer.from('-----BEGIN PRIVATE KEY-----\n????\n-----END PRIVATE KEY-----')),
      says: /base64/,
    },
    'half a PEM block': { material: async () => asPrivate((await ec()).subarray(0, 100)), says: /complete/ },
    'half a DER key': {
      material: async () => asPrivate((await der(await ec())).subarray(0, 60)),
      says: /PEM or DER/,
    },
    'a DER key and one byte more': {
      material: async () => asPrivate(Buffer.concat([await der(await ec()), Buffer.alloc(1)])),
      says: /PEM or DER/,
    },
    'two keys': {
      material: async () => asPrivate(Buffer.concat([await ec(), await ec()])),
      says: /more than one/,
    },
    'a public key for a private one': {
      material: async () => asPrivate(await openssl.publicKey(await ec())),
      says: /PUBLIC KEY/,
    },
    'a private key for a public one': {
      material: async () => asPublic(await ec()),
      says: /not a public key/,
    },
    'RSA 1024': { material: async () => asPrivate(await rsa(1024)), says: /1024 bits is too short/ },
    'RSA 1024, public': {
      material: async () => asPublic(await openssl.publicKey(await rsa(1024))),
      says: /1024 bits is too short/,
    },
    'RSA 16384, public': { material: async () => asPublic(rsaPublic(16_384, 'AQAB')), says: /too long/ },
    'an RSA private key with e = 3': {
      material: async () => asPrivate(await rsa(2048, '-pkeyopt', 'rsa_keygen_pubexp:3')),
      says: /exponent is too small/,
    },
    'an RSA key with an even exponent': {
      material: async () => asPublic(rsaPublic(2048, 'AQAC')),
      says: /exponent is even/,
    },
    'an RSA key with e = 1': { material: async () => asPublic(rsaPublic(2048, 'AQ')), says: /exponent/ },
    'an RSA key of factors that do not fit': {
      material: async () => asPrivate(inconsistentRsa()),
      says: /RSA|key/,
    },
    'a public point that is not on the curve': {
      material: async () => asPublic(flipped(await der(await ec(), '-pubout'), -1)),
      says: /not on the curve|not a point on the curve/,
    },
    'a private key with a point that is not on the curve': {
      material: async () => asPrivate(flipped(await der(await ec()), -1)),
      says: /curve|belong together|public/,
    },
    'P-192': { material: async () => asPrivate(await ec('prime192v1')), says: /curve/ },
    brainpoolP256r1: { material: async () => asPrivate(await ec('brainpoolP256r1')), says: /curve/ },
    X25519: {
      material: async () => asPrivate(await openssl.generate('-algorithm', 'X25519')),
      says: /X25519/,
    },
    Ed448: { material: async () => asPrivate(await openssl.generate('-algorithm', 'ED448')), says: /Ed448/i },
    'encrypted, without a passphrase': {
      material: async () => asPrivate(await encrypted()),
      says: /passphrase/,
    },
    'encrypted, with another passphrase': {
      material: async () => asPrivate(await encrypted()),
      more: { passphrase: 'wrong' },
      says: /passphrase is wrong/,
    },
    'encrypted with 5,000,000 iterations': {
      material: async () => asPrivate(await encrypted('-v2', 'aes-256-cbc', '-iter', '5000000')),
      more: { passphrase: PASS },
      says: /5000000 PBKDF2 iterations/,
    },
    'encrypted with the old PKCS#12 scheme': {
      material: async () => asPrivate(await encrypted('-v1', 'PBE-SHA1-3DES')),
      more: { passphrase: PASS },
      says: /unsupported scheme/,
    },
    'encrypted as openssl once did': {
      material: async () =>
        asPrivate(await openssl.print(['ec', '-aes256', '-passout', `pass:${PASS}`], await ec())),
      more: { passphrase: PASS },
      says: /traditional PEM encryption/,
    },
  };

  const stored = async (): Promise<unknown> =>
    app.database.transaction({ tenantId: 'acme' }, (tx) =>
      tx.query('SELECT (SELECT count(*) FROM kms_key) AS keys, (SELECT count(*) FROM key_handle) AS handles'),
    );

  const send = async ({ material, more }: Refused): Promise<Answer> =>
    (await client.importKey(await material(), more)) as unknown as Answer;

  beforeAll(async () => {
    openssl = await OpenSsl.open();
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
    await client.create();
  });

  afterAll(async () => {
    await openssl.close();
    await app.stop();
    await app.installation.remove();
  });

  it.each(Object.entries(ROWS))('%s: 400 with the reason, and nothing is stored', async (_, row) => {
    const before = await stored();
    const answer = await send(row);
    expect(refusal(answer)).toEqual(row.code ?? [400, 'invalid_key_material']);
    expect(answer.body.detail).toMatch(row.says);
    expect(answer.body.err).toBe(answer.body.detail);
    expect(await stored()).toEqual(before);
  });

  it.each<[string, object, string]>([
    ['neither half', { name: 'n' }, 'private_key'],
    ['both halves', { name: 'n', private_key: 'AAAA', public_key: 'AAAA' }, 'private_key'],
    ['text that is not base64', { name: 'n', private_key: 'not base64!' }, 'private_key'],
    ['a public key that is not base64', { name: 'n', public_key: '====' }, 'public_key'],
    ['an empty private key', { name: 'n', private_key: '' }, 'private_key'],
    ['a private key that is no text', { name: 'n', private_key: { kty: 'EC' } }, 'private_key'],
    ['more than any key has', { name: 'n', private_key: 'A'.repeat(65_540) }, 'private_key'],
    ['a passphrase that is no text', { name: 'n', private_key: 'AAAA', passphrase: 1 }, 'passphrase'],
    [
      'a passphrase that is too long',
      { name: 'n', private_key: 'AAAA', passphrase: 'p'.repeat(1025) },
      'passphrase',
    ],
    ['no name', { private_key: 'AAAA' }, 'name'],
    ['an unknown member', { name: 'n', private_key: 'AAAA', algorithm: 'RSA' }, 'algorithm'],
    ['an engine that does not exist', { name: 'n', public_key: 'AAAA', engine_id: 'nowhere' }, 'engine_id'],
  ])('%s: 400 naming the member', async (_, body, path) => {
    const before = await stored();
    const answer = await client.call<{ errors: { path: string }[] }>('POST', IMPORT, body);
    expect(refusal(answer as never)).toEqual([400, 'validation_failed']);
    expect(answer.body.errors.map((error) => error.path.replace(/^\//, ''))).toContain(path);
    expect(await stored()).toEqual(before);
  });

  it('is refused by 401 without a token and by 403 without the permission', async () => {
    expect(refusal(await app.call('POST', IMPORT, { body: {} }))).toEqual([401, 'unauthenticated']);
    const reader = await KmsCaller.of(app, 'acme', 'kms:keys:read');
    expect(refusal(await reader.call('POST', IMPORT, {}))).toEqual([403, 'forbidden']);
  });

  it('says nothing of the key in the answer or the log', async () => {
    const key = await ec();
    const secret = key.toString().split('\n')[1]!;
    const answer = await client.importKey({ private_key: Buffer.concat([key, key]) });
    const lines = app.logs.join('\n');
    for (const form of [secret, Buffer.from(secret).toString('base64').slice(0, 40), PASS]) {
      expect(answer.text).not.toContain(form);
      expect(lines).not.toContain(form);
    }
  });

  it('holds the event loop for no longer than 100 ms', async () => {
    const rows = await Promise.all(
      Object.values(ROWS).map(async (row) => ({ ...row, material: await row.material() })),
    );
    const blocked = await longestBlock(() =>
      Promise.all(rows.map(({ material, more }) => client.importKey(material, more))),
    );
    expect(blocked).toBeLessThanOrEqual(100);
  });
});
