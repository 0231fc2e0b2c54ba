import { createHash, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { KmsCaller, UNKNOWN_KEY, keyPath, refusal, type Key } from '../../harness/kms-caller.js';

describe('a key is read', () => {
  let app: TestApp;
  let client: KmsCaller;
  let key: Key;

  beforeAll(async () => {
    app = await TestApp.start({ env: { CLAVIGER_SOFTWARE_ENGINES: 'software,other' } });
    client = await KmsCaller.of(app, 'acme');
    key = await client.create();
    key = await client.alias(key.key_id, 'team/app:signing@v1+x_y.z-0', 'short');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  describe('GET /keys/{id}', () => {
    it('200 by id, by each alias and by its PKCS#11 URI, percent-encoded', async () => {
      for (const ref of [key.key_id, ...key.aliases, key.pkcs11_uri]) {
        const answer = await client.get(ref);
        expect([ref, answer.status, answer.body]).toEqual([ref, 200, key]);
        expect(answer.headers.get('etag')).toBe(`"${key.version}"`);
      }
    });

    it('200 by an alias whose harmless characters are not encoded', async () => {
      const path = `/api/kms/v1/keys/team%2Fapp:signing@v1+x_y.z-0`;
      expect((await client.call('GET', path)).status).toBe(200);
    });

    it('200 by a PKCS#11 URI in another order, with another type or without', async () => {
      for (const uri of [
        `pkcs11:id=${key.key_id};token-id=software`,
        `pkcs11:type=public;id=${key.key_id};token-id=software`,
      ]) {
        expect([uri, (await client.get(uri)).body.key_id]).toEqual([uri, key.key_id]);
      }
    });

    it('the longest alias and the longest URI fit into a path', async () => {
      const long = '@'.repeat(128);
      const { key_id: id } = await client.create();
      await client.alias(id, long);
      expect((await client.get(long)).body.key_id).toBe(id);
      expect(keyPath(long).length).toBeGreaterThan(384);
    });

    it.each([
      ['an unknown id', UNKNOWN_KEY],
      ['an unknown alias', 'nobody'],
      ['an id in capitals', UNKNOWN_KEY.toUpperCase()],
      ['an alias in capitals', 'SHORT'],
      ['a URI of an unknown key', `pkcs11:token-id=software;id=${UNKNOWN_KEY};type=private`],
      ['a URI that is none', 'pkcs11:'],
      ['a URI with an unknown attribute', 'pkcs11:token=software;object=x'],
      ['an alias nobody can have', '*'],
      ['an unprintable name', '\u0001'],
      ['U+0000', '\0'],
      ['SQL', "' OR 1=1 --"],
      ['a path', '../../etc/passwd'],
      ['a name of JavaScript', '__proto__'],
      ['what is too long for any name', 'x'.repeat(600)],
    ])('404 for %s', async (_, ref) => {
      expect(refusal((await client.get(ref)) as never)).toEqual([404, 'not_found']);
    });

    it('404 for a URI that names another engine', async () => {
      expect((await client.get(`pkcs11:token-id=other;id=${key.key_id};type=private`)).status).toBe(404);
    });

    it('400 where the path cannot be decoded, 414 where it is longer than any name', async () => {
      expect(refusal(await client.call('GET', '/api/kms/v1/keys/%ED%A0%80'))).toEqual([
        400,
        'malformed_request',
      ]);
      expect(refusal(await client.call('GET', '/api/kms/v1/keys/%E0%A4%A'))).toEqual([
        400,
        'malformed_request',
      ]);
      expect(refusal(await client.call('GET', keyPath('x'.repeat(1_100))))).toEqual([414, 'uri_too_long']);
    });

    it('401 without a token, 403 without the permission, whether there is such a key or not', async () => {
      const signer = await KmsCaller.of(app, 'acme', 'kms:keys:sign');
      for (const ref of [key.key_id, UNKNOWN_KEY]) {
        expect(refusal(await app.call('GET', keyPath(ref)))).toEqual([401, 'unauthenticated']);
        expect(refusal(await signer.call('GET', keyPath(ref)))).toEqual([403, 'forbidden']);
      }
    });
  });

  describe('GET /keys/{id}/public-key', () => {
    const fetchAs = async (accept?: string) => {
      const response = await fetch(app.url + keyPath('short', '/public-key'), {
        headers: { authorization: `Bearer ${client.token}`, ...(accept !== undefined && { accept }) },
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      return { status: response.status, type: response.headers.get('content-type'), bytes, response };
    };
    const spkiOf = (bytes: Buffer): Buffer => createPublicKey(bytes).export({ type: 'spki', format: 'der' });

    it.each([
      ['application/x-pem-file'],
      ['*/*'],
      ['application/*'],
      ['text/html, application/x-pem-file;q=0.5'],
      ['application/jwk+json;q=0.1, application/x-pem-file'],
    ])('200 as PEM for Accept: %s', async (accept) => {
      const { status, type, bytes, response } = await fetchAs(accept);
      expect([status, type]).toEqual([200, 'application/x-pem-file']);
      expect(bytes).toEqual(Buffer.from(key.public_key, 'base64'));
      expect(response.headers.get('vary')).toContain('accept');
    });

    it('200 as DER, whose SHA-256 is the fingerprint', async () => {
      const { status, type, bytes } = await fetchAs('application/pkix-spki');
      expect([status, type]).toEqual([200, 'application/pkix-spki']);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(key.fingerprint);
    });

    it.each(['RSA', 'ECDSA', 'ECDSA_SECP256K1', 'Ed25519'])(
      '200 as JWK of the same key: %s',
      async (algorithm) => {
        const size = { RSA: 2048, ECDSA: 521 }[algorithm];
        const other = await client.create({ algorithm, size });
        const headers = { accept: 'application/jwk+json' };
        const answer = await client.call('GET', keyPath(other.key_id, '/public-key'), undefined, headers);
        expect(answer.headers.get('content-type')).toContain('application/jwk+json');
        expect(answer.body.kid).toBe(other.key_id);
        const jwk = createPublicKey({ key: answer.body as never, format: 'jwk' });
        expect(jwk.export({ type: 'spki', format: 'der' })).toEqual(
          spkiOf(Buffer.from(other.public_key, 'base64')),
        );
        for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])
          expect(answer.body).not.toHaveProperty(secret);
      },
    );

    it.each(['text/html', 'image/*', 'application/x-pem-file;q=0'])('406 for Accept: %s', async (accept) => {
      const answer = await client.call('GET', keyPath('short', '/public-key'), undefined, { accept });
      expect(refusal(answer)).toEqual([406, 'not_acceptable']);
    });

    it('404 for an unknown key, whatever is accepted', async () => {
      for (const accept of ['*/*', 'text/html']) {
        const path = keyPath(UNKNOWN_KEY, '/public-key');
        expect(refusal(await client.call('GET', path, undefined, { accept }))).toEqual([404, 'not_found']);
      }
    });
  });
});
