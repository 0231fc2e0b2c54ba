import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runtimeKeySpecs } from '#crypto';
import { TestApp, type Answer } from '../../harness/app.js';
import { KmsCaller, UNKNOWN_KEY, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';

describe('POST /keys/{id}/csr', () => {
  let app: TestApp;
  let client: KmsCaller;
  let openssl: OpenSsl;
  let key: Key;

  const post = (body: unknown, ref = key.key_id): Promise<Answer> =>
    client.call('POST', keyPath(ref, '/csr'), body);

  /** What openssl reads in a request whose signature it has checked. */
  const verified = async (pem: string): Promise<string> => {
    const file = await openssl.file(pem);
    const { code, stdout, stderr } = await openssl.run(['req', '-verify', '-noout', '-text', '-in', file]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('self-signature verify OK')]);
    return stdout.toString();
  };

  /** In the order of the request, which is the order in which it was written. */
  const subjectOf = async (pem: string): Promise<string> => {
    const options = ['-nameopt', 'sep_comma_plus,sname,utf8,esc_2253'];
    const printed = await openssl.print(['req', '-noout', '-subject', ...options], pem);
    return printed
      .toString()
      .replace(/^subject=/, '')
      .replace(/\n$/, '');
  };

  beforeAll(async () => {
    openssl = await OpenSsl.open();
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
    key = await client.create();
  });

  afterAll(async () => {
    await openssl.close();
    await app.stop();
    await app.installation.remove();
  });

  describe('200, and `openssl req -verify` accepts', () => {
    it.each([
      ['RSA', 2048, undefined, 'sha256WithRSAEncryption'],
      ['RSA', 3072, 'RSASSA_PKCS1_V1_5_SHA_384', 'sha384WithRSAEncryption'],
      ['RSA', 4096, 'RS512', 'sha512WithRSAEncryption'],
      ['RSA', 2048, 'RSASSA_PSS_SHA_256', 'rsassaPss'],
      ['RSA', 2048, 'PS384', 'rsassaPss'],
      ['RSA', 2048, 'PS512', 'rsassaPss'],
      ['ECDSA', 256, undefined, 'ecdsa-with-SHA256'],
      ['ECDSA', 384, undefined, 'ecdsa-with-SHA384'],
      ['ECDSA', 521, undefined, 'ecdsa-with-SHA512'],
      ['ECDSA', 256, 'ECDSA_SHA_512', 'ecdsa-with-SHA512'],
      ['ECDSA', 521, 'ES256', 'ecdsa-with-SHA256'],
      ['ECDSA_SECP256K1', 256, undefined, 'ecdsa-with-SHA256'],
      ['Ed25519', 256, undefined, 'ED25519'],
    ])('%s %i, algorithm %s: %s', async (algorithm, size, asked, printed) => {
      const { key_id: id, public_key } = await client.create({ algorithm, size });
      const answer = await post(
        { subject: 'CN=device-17,O=Example', ...(asked && { algorithm: asked }) },
        id,
      );
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-pem-file']);
      const text = await verified(answer.text);
      expect(text).toContain(`Signature Algorithm: ${printed}`);
      const own = await openssl.print(['req', '-pubkey', '-noout'], answer.text);
      expect(own).toEqual(Buffer.from(public_key, 'base64'));
    });

    it('with every kind of subject alternative name', async () => {
      const answer = await post({
        subject: 'CN=device-17.example.org,OU=Lab,O=Example\\, Inc.,L=Łódź,C=PL',
        dns_names: ['device-17.example.org', '*.example.org', '_dmarc.example.org'],
        ip_addresses: ['192.0.2.17', '2001:db8::17'],
        email_addresses: ['ops@example.org'],
        uris: ['https://example.org/device?17', 'spiffe://example.org/device-17'],
      });
      expect(answer.status).toBe(200);
      const text = await verified(answer.text);
      for (const name of [
        'DNS:device-17.example.org',
        'DNS:*.example.org',
        'DNS:_dmarc.example.org',
        'IP Address:192.0.2.17',
        'IP Address:2001:DB8:0:0:0:0:0:17',
        'email:ops@example.org',
        'URI:https://example.org/device?17',
        'URI:spiffe://example.org/device-17',
      ]) {
        expect(text).toContain(name);
      }
      expect(await subjectOf(answer.text)).toBe(
        'CN=device-17.example.org,OU=Lab,O=Example\\, Inc.,L=Łódź,C=PL',
      );
    });

    it('without the extension where there are no names, and with empty lists', async () => {
      for (const names of [{}, { dns_names: [], ip_addresses: [], email_addresses: [], uris: [] }]) {
        expect(await verified((await post({ subject: 'CN=x', ...names })).text)).not.toContain(
          'Alternative Name',
        );
      }
    });

    it('and is recorded as a use of the key', async () => {
      const fresh = await client.create();
      await post({ subject: 'CN=recorded' }, fresh.key_id);
      const audit = await client.call('GET', `/api/platform/v1/audit?filter=key_id[eq]${fresh.key_id}`);
      expect((audit.body.list as { action: string }[]).map(({ action }) => action)).toContain('kms.key.csr');
    });
  });

  describe('400 with the reason', () => {
    it.each([
      ['no subject', { subject: undefined }, 'subject'],
      ['an empty subject', { subject: '' }, 'subject'],
      ['a subject that is no name', { subject: 'device-17' }, 'subject'],
      ['a subject without a value', { subject: 'CN' }, 'subject'],
      ['a subject of an unknown attribute', { subject: 'XYZ=1' }, 'subject'],
      ['a subject that is too long', { subject: `CN=${'x'.repeat(1_100)}` }, 'subject'],
      ['a subject that is no text', { subject: ['CN=x'] }, 'subject'],
      ['names that are no list', { dns_names: 'example.org' }, 'dns_names'],
      ['an empty host name', { dns_names: [''] }, 'dns_names'],
      ['a host name with a space', { dns_names: ['exa mple.org'] }, 'dns_names'],
      ['a host name that ends with a dot', { dns_names: ['example.org.'] }, 'dns_names'],
      ['a host name with two stars', { dns_names: ['*.*.org'] }, 'dns_names'],
      ['a URL as host name', { dns_names: ['https://example.org'] }, 'dns_names'],
      ['a host name that is too long', { dns_names: [`${'a.'.repeat(127)}org`] }, 'dns_names'],
      ['a label that is too long', { dns_names: [`${'a'.repeat(64)}.org`] }, 'dns_names'],
      ['an IDN that is not encoded', { dns_names: ['łódź.pl'] }, 'dns_names'],
      ['an address that is none', { ip_addresses: ['256.0.0.1'] }, 'ip_addresses'],
      ['an address with a zone', { ip_addresses: ['fe80::1%eth0'] }, 'ip_addresses'],
      ['a network', { ip_addresses: ['10.0.0.0/8'] }, 'ip_addresses'],
      ['a mail address without a host', { email_addresses: ['ops'] }, 'email_addresses'],
      ['a mail address with a line break', { email_addresses: ['ops@example.org\nx'] }, 'email_addresses'],
      ['a URI without a scheme', { uris: ['/device'] }, 'uris'],
      ['a URI with a space', { uris: ['https://example.org/a b'] }, 'uris'],
      ['101 names', { dns_names: Array(101).fill('example.org') }, 'dns_names'],
      ['a name that is no text', { dns_names: [1] }, 'dns_names'],
      ['an unknown member', { sans: [] }, 'sans'],
    ])('%s', async (_, change, path) => {
      const answer = await post({ subject: 'CN=x', ...change });
      expect(refusal(answer)).toEqual([400, 'validation_failed']);
      expect((answer.body.errors as { path: string }[]).map((error) => error.path)).toContain(path);
    });

    it.each([
      ['an algorithm of another key', 'RS256'],
      ['an unknown algorithm', 'ES128'],
    ])('%s', async (_, algorithm) => {
      expect(refusal(await post({ subject: 'CN=x', algorithm }))).toEqual([400, 'invalid_algorithm']);
    });

    it.each([
      ...[
        'CN=\\',
        'CN=\\z',
        'CN=\\zz',
        'CN=\\c3',
        'CN=\\00',
        'CN="',
        'CN="a"',
        'CN=',
        'CN= ',
        'CN=x, O=',
        '=',
        '=x',
      ],
      ...['CN=x,', ',CN=x', 'CN=x,,O=y', '+', 'CN=x+', 'CN=x;O=y', 'CN=<x>', 'garbage CN=x', 'CN=x,garbage'],
      ...[
        'CN=#',
        'CN=#04',
        'CN=#0401',
        'CN=#ffffffff',
        '1.2.3=#0500',
        '9.9.9=x',
        '1=x',
        '1.2=x',
        '2.5.4.03=x',
      ],
      ...[
        '2.5.4.99999999999999999999=x',
        'C=Poland',
        'C=łł',
        'C=',
        '2.5.4.6=Poland',
        'emailAddress=łódź@x',
        'DC=ł',
      ],
      ...['serialNumber=ł', 'E=ł', '__proto__=x', 'constructor=x', 'toString=x', ' ', '\n'],
    ])('the subject %j', async (subject) => {
      const answer = await post({ subject });
      expect(refusal(answer)).toEqual([400, 'validation_failed']);
      expect(answer.body.detail).toMatch(/^subject /);
    });
  });

  it.each([
    ['cn=lower,o=case', 'CN=lower,O=case'],
    [' CN = spaced out , O = y ', 'CN=spaced out,O=y'],
    ['CN=a\\,b\\+c\\"d\\\\e\\;f', 'CN=a\\,b\\+c\\"d\\\\e\\;f'],
    ['CN=\\ kept\\ ', 'CN=\\ kept\\ '],
    ['CN=a=b', 'CN=a=b'],
    ['CN=\\c5\\81\\c3\\b3d\\c5\\ba', 'CN=Łódź'],
    ['CN=😀', 'CN=😀'],
    ['CN=\\#1', 'CN=\\#1'],
    ['CN=multi+O=valued,C=PL', 'CN=multi+O=valued,C=PL'],
    ['DC=example,DC=org,UID=17', 'DC=example,DC=org,UID=17'],
    ['emailAddress=ops@example.org,serialNumber=17', 'emailAddress=ops@example.org,serialNumber=17'],
    ['2.5.4.3=by number', 'CN=by number'],
  ])('200 for the subject %j', async (subject, expected) => {
    const answer = await post({ subject });
    await verified(answer.text);
    expect(await subjectOf(answer.text)).toBe(expected);
  });

  it('is refused: 401, 403, 404, 409 and 422, each in its turn', async () => {
    const path = keyPath(key.key_id, '/csr');
    const reader = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:verify kms:keys:write');
    expect(refusal(await app.call('POST', path, { body: {} }))).toEqual([401, 'unauthenticated']);
    expect(refusal(await reader.call('POST', path, {}))).toEqual([403, 'forbidden']);
    expect(refusal(await post({}, UNKNOWN_KEY))).toEqual([400, 'validation_failed']);
    expect(refusal(await post({ subject: 'CN=x' }, UNKNOWN_KEY))).toEqual([404, 'not_found']);
    const p224 = await client.create({ algorithm: 'ECDSA', size: 224 });
    for (const algorithm of [undefined, 'ES256']) {
      const answer = await post({ subject: 'CN=x', ...(algorithm && { algorithm }) }, p224.key_id);
      expect(refusal(answer)).toEqual([422, 'unsupported_by_engine']);
    }
    const other = await KmsCaller.of(app, 'globex');
    const { body } = await other.importKey({ public_key: Buffer.from(key.public_key, 'base64') });
    const verifyOnly = await other.call('POST', keyPath(body.key_id, '/csr'), { subject: 'CN=x' });
    expect(refusal(verifyOnly)).toEqual([409, 'key_state']);
  });

  it.runIf(runtimeKeySpecs().some(({ algorithm }) => algorithm === 'ML_DSA'))(
    'is refused by 422 for ML-DSA',
    async () => {
      const { key_id: id } = await client.create({ algorithm: 'ML_DSA', size: 44 });
      expect(refusal(await post({ subject: 'CN=x' }, id))).toEqual([422, 'unsupported_by_engine']);
    },
  );
});
