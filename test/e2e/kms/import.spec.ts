import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { KmsCaller, refusal, type Key } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';

const PASS = 'correct horse';

describe('POST /keys/import', () => {
  let app: TestApp;
  let client: KmsCaller;
  let openssl: OpenSsl;

  const rsa = (bits: number, ...more: string[]) =>
    openssl.generate('-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`, ...more);
  const ec = (curve: string) =>
    openssl.generate('-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`);
  const ed25519 = () => openssl.generate('-algorithm', 'ED25519');
  const der = (key: Buffer) => openssl.print(['pkey', '-outform', 'DER'], key);
  const traditional = (key: Buffer, ...more: string[]) =>
    openssl.print(['pkey', '-traditional', ...more], key);
  const encrypted = (key: Buffer, ...how: string[]) =>
    openssl.print(['pkcs8', '-topk8', '-passout', `pass:${PASS}`, ...how], key);
  const noAttributes = (key: Buffer) => openssl.print(['pkcs8', '-topk8', '-nocrypt'], key);

  const imported = async (private_key: Buffer, more: object = {}): Promise<Key> => {
    const answer = await client.importKey({ private_key }, more);
    if (answer.status !== 201) throw new Error(answer.text);
    expect(answer.headers.get('etag')).toBe('"1"');
    return answer.body;
  };

  /** The program that made the key accepts what Claviger signs with it. */
  const expectSigns = async (key: Key, original: Buffer, algorithm: string): Promise<void> => {
    expect(Buffer.from(key.public_key, 'base64')).toEqual(await openssl.publicKey(original));
    const message = Buffer.from('signed by an imported key');
    const signature = await client.sign(key.key_id, { algorithm, message: message.toString('base64') });
    const files = [await openssl.publicKey(original), Buffer.from(signature, 'base64'), message];
    const [pub, sig, msg] = await Promise.all(files.map((content) => openssl.file(content)));
    const raw = algorithm === 'ED25519' ? ['-rawin'] : ['-rawin', '-digest', 'sha256'];
    const run = ['pkeyutl', '-verify', '-pubin', '-inkey', pub!, '-sigfile', sig!, '-in', msg!, ...raw];
    expect((await openssl.print(run)).toString()).toContain('Verified Successfully');
  };

  beforeAll(async () => {
    openssl = await OpenSsl.open();
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await openssl.close();
    await app.stop();
    await app.installation.remove();
  });

  describe('201 for what openssl makes, which signs as before', () => {
    const RSA = 'RSASSA_PKCS1_V1_5_SHA_256';

    it.each<[string, string, () => Promise<Buffer>, string, number]>([
      ['RSA 2048', RSA, () => rsa(2048), 'RSA', 2048],
      ['RSA 3072', RSA, () => rsa(3072), 'RSA', 3072],
      ['RSA 4096', RSA, () => rsa(4096), 'RSA', 4096],
      ['P-224', 'ECDSA_SHA_256', () => ec('P-224'), 'ECDSA', 224],
      ['P-256', 'ECDSA_SHA_256', () => ec('P-256'), 'ECDSA', 256],
      ['P-384', 'ECDSA_SHA_256', () => ec('P-384'), 'ECDSA', 384],
      ['P-521', 'ECDSA_SHA_256', () => ec('P-521'), 'ECDSA', 521],
      ['secp256k1', 'ECDSA_SECP256K1_SHA_256', () => ec('secp256k1'), 'ECDSA_SECP256K1', 256],
      ['Ed25519', 'ED25519', ed25519, 'Ed25519', 256],
    ])('%s in PKCS#8', async (_, algorithm, make, kind, size) => {
      const original = await make();
      const key = await imported(original);
      expect(key).toMatchObject({ algorithm: kind, size, origin: 'imported', has_private_key: true });
      await expectSigns(key, original, algorithm);
    });

    it('as PEM or DER; PKCS#8, PKCS#1 or SEC1: one and the same key', async () => {
      for (const [original, algorithm] of [
        [await rsa(2048), RSA],
        [await ec('P-256'), 'ECDSA_SHA_256'],
      ] as const) {
        const forms = [
          original,
          await noAttributes(original),
          await der(original),
          await traditional(original),
          await traditional(original, '-outform', 'DER'),
          Buffer.concat([await traditional(original), Buffer.from('\r\n\n')]),
        ];
        expect(forms[3]!.toString()).toMatch(/BEGIN (RSA|EC) PRIVATE KEY/);
        let key: Key | undefined;
        for (const form of forms) {
          if (key) await client.destroy(key.key_id);
          const again = await imported(form);
          expect(again.fingerprint).toBe(key?.fingerprint ?? again.fingerprint);
          key = again;
        }
        await expectSigns(key!, original, algorithm);
      }
    });

    it('with the curve in front, as `openssl ecparam -genkey` prints it', async () => {
      const original = await openssl.print(['ecparam', '-name', 'prime256v1', '-genkey']);
      expect(original.toString()).toContain('BEGIN EC PARAMETERS');
      await expectSigns(await imported(original), original, 'ECDSA_SHA_256');
    });

    it('as `base64` prints it, with line breaks', async () => {
      const text = (await ec('P-256')).toString('base64').replaceAll(/.{76}/g, '$&\n') + '\r\n';
      const body = { name: 'wrapped', private_key: text };
      expect((await client.call('POST', '/api/kms/v1/keys/import', body)).status).toBe(201);
    });

    it.each([
      ['AES-256-CBC', ['-v2', 'aes-256-cbc']],
      ['AES-128-CBC and SHA-512', ['-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA512']],
      ['3DES', ['-v2', 'des3']],
      ['scrypt', ['-scrypt']],
      ['600,000 iterations', ['-v2', 'aes-256-cbc', '-iter', '600000']],
      ['DER', ['-v2', 'aes-256-cbc', '-outform', 'DER']],
    ])('encrypted: %s', async (_, how) => {
      const original = await ec('P-256');
      const key = await imported(await encrypted(original, ...how), { passphrase: PASS });
      await expectSigns(key, original, 'ECDSA_SHA_256');
    });
  });

  describe('a public key alone', () => {
    it.each<[string, () => Promise<Buffer>]>([
      ['RSA 2048', () => rsa(2048)],
      ['RSA 2048 with e = 3', () => rsa(2048, '-pkeyopt', 'rsa_keygen_pubexp:3')],
      ['P-384', () => ec('P-384')],
      ['Ed25519', ed25519],
    ])('%s: 201, verifies and does not sign', async (kind, make) => {
      const original = await make();
      const pub = await openssl.publicKey(original);
      const answer = await client.importKey({ public_key: pub });
      expect(answer.status).toBe(201);
      expect(answer.body).toMatchObject({
        has_private_key: false,
        usages: ['verify'],
        pkcs11_uri: expect.stringMatching(/;type=public$/) as string,
      });
      const message = Buffer.from('partner');
      const algorithm = kind.startsWith('RSA') ? 'RS256' : kind === 'Ed25519' ? 'EdDSA' : 'ES384';
      const [key, msg] = [await openssl.file(original), await openssl.file(message)];
      const digest = algorithm === 'EdDSA' ? [] : ['-digest', `sha${algorithm.slice(2)}`];
      const signature = await openssl.print([
        'pkeyutl',
        '-sign',
        '-inkey',
        key,
        '-in',
        msg,
        '-rawin',
        ...digest,
      ]);
      const request = { algorithm, message: message.toString('base64') };
      const verified = await client.verify(answer.body.key_id, {
        ...request,
        signature: signature.toString('base64'),
      });
      expect(verified).toEqual({ valid: true });
      const path = `/api/kms/v1/keys/${answer.body.key_id}`;
      expect(refusal(await client.call('POST', `${path}/sign`, request))).toEqual([409, 'key_state']);
      expect(refusal(await client.call('POST', `${path}/rotate`))).toEqual([409, 'key_state']);
    });

    it('as DER and as PKCS#1', async () => {
      const original = await rsa(2048);
      const forms = [
        await openssl.print(['pkey', '-pubout', '-outform', 'DER'], original),
        await openssl.print(['rsa', '-RSAPublicKey_out'], original),
        await openssl.print(['rsa', '-RSAPublicKey_out', '-outform', 'DER'], original),
      ];
      for (const public_key of forms) {
        const { status, body } = await client.importKey({ public_key });
        expect([status, body.algorithm, body.size]).toEqual([201, 'RSA', 2048]);
        await client.destroy(body.key_id);
      }
    });
  });

  describe('409 for a key that is there already, naming it', () => {
    it('private after private, public after private, private after public', async () => {
      const [first, second] = [await ec('P-256'), await ec('P-256')];
      const key = await imported(first);
      const pub = (await client.importKey({ public_key: await openssl.publicKey(second) })).body;
      for (const [material, existing] of [
        [{ private_key: first }, key],
        [{ private_key: await traditional(first) }, key],
        [{ public_key: await openssl.publicKey(first) }, key],
        [{ private_key: second }, pub],
      ] as const) {
        const answer = await client.call('POST', '/api/kms/v1/keys/import', {
          name: 'again',
          ...Object.fromEntries(Object.entries(material).map(([k, v]) => [k, v.toString('base64')])),
        });
        expect([...refusal(answer), answer.body.existing_key_id]).toEqual([
          409,
          'key_exists',
          existing.key_id,
        ]);
      }
    });

    it('until it is destroyed', async () => {
      const original = await ec('P-256');
      const key = await imported(original);
      await client.destroy(key.key_id);
      const again = await imported(original);
      expect(again.key_id).not.toBe(key.key_id);
      expect(again.fingerprint).toBe(key.fingerprint);
    });

    it('and but one of many imports at once succeeds', async () => {
      const private_key = await ec('P-256');
      const answers = await Promise.all(Array.from({ length: 8 }, () => client.importKey({ private_key })));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(409)]);
    });
  });
});
