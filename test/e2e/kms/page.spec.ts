import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KmsCaller, type Key, type KeyPage } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';
import { plantKey } from '../../harness/planted-keys.js';

const ID = 'key-123e4567-e89b-12d3-a456-426614174000';

/** The members that the page shows, and those that are ours. */
const PAGE_MEMBERS = [
  'key_id',
  'pkcs11_uri',
  'name',
  'aliases',
  'engine_id',
  'has_private_key',
  'algorithm',
  'size',
  'public_key',
  'creation_ts',
  'tags',
  'metadata',
];
const OWN_MEMBERS = ['updated_ts', 'version', 'state', 'usages', 'origin', 'exportable', 'fingerprint'];
const MEMBERS = [...PAGE_MEMBERS, ...OWN_MEMBERS].sort();

/** Every request of the documented page, as its curl commands send it: only the base URL and the token are ours. */
describe('the documented page', () => {
  let app: TestApp;
  let client: KmsCaller;
  let openssl: OpenSsl;

  const get = <T>(path: string): Promise<Answer<T>> => client.call<T>('GET', path);
  const ids = (answer: Answer<KeyPage>): string[] => answer.body.list.map((key) => key.key_id);

  beforeAll(async () => {
    openssl = await OpenSsl.open();
    app = await TestApp.start({ env: { CLAVIGER_SOFTWARE_ENGINES: 'golang,aws-kms-prod,engine1' } });
    client = await KmsCaller.of(app, 'acme');
    await plantKey(app, 'acme', {
      keyId: ID,
      name: 'my-signing-key',
      engineId: 'aws-kms-prod',
      algorithm: 'RSA',
      size: 2048,
      creationTs: '2025-11-07T10:00:00Z',
      aliases: ['prod-key', 'primary-key'],
      tags: ['production', 'signing'],
      metadata: { department: 'security', owner: 'admin' },
    });
    await plantKey(app, 'acme', {
      keyId: 'key-123',
      name: 'old-name',
      engineId: 'engine1',
      algorithm: 'ECDSA',
      size: 256,
      creationTs: '2025-11-07T11:00:00Z',
      tags: ['staging'],
      metadata: { owner: 'security-team', 'old-field': 'old-value' },
    });
  });

  afterAll(async () => {
    await openssl.close();
    await app.stop();
    await app.installation.remove();
  });

  it('lists keys, each with every member of the page', async () => {
    const answer = await get<KeyPage>('/api/kms/v1/keys?limit=10&filter=algorithm[eq]RSA');
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(['list', 'next_bookmark']);
    expect(answer.body.next_bookmark).toBe('');
    const [key] = answer.body.list;
    expect(Object.keys(key!).sort()).toEqual(MEMBERS);
    expect(key).toMatchObject({
      key_id: ID,
      pkcs11_uri: `pkcs11:token-id=aws-kms-prod;id=${ID};type=private`,
      name: 'my-signing-key',
      aliases: ['prod-key', 'primary-key'],
      engine_id: 'aws-kms-prod',
      has_private_key: true,
      algorithm: 'RSA',
      size: 2048,
      tags: ['production', 'signing'],
      metadata: { department: 'security', owner: 'admin' },
    });
    expect(Date.parse(key!.creation_ts)).toBe(Date.parse('2025-11-07T10:00:00Z'));
    expect(key!.public_key.startsWith('LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0')).toBe(true);
  });

  it.each([
    ['engine_id[eq]aws-kms-prod', [ID]],
    ['algorithm[eq]RSA', [ID]],
    ['tags[contains]production', [ID]],
    ['metadata.owner[eq]security-team', ['key-123']],
    ['algorithm[eq]RSA;tags[contains]production', [ID]],
  ])('finds by %s', async (filter, expected) => {
    const answer = await get<KeyPage>(`/api/kms/v1/keys?filter=${filter}`);
    expect([answer.status, ids(answer)]).toEqual([200, expected]);
  });

  it('creates a key and answers with it', async () => {
    const answer = await client.call<Key>('POST', '/api/kms/v1/keys', {
      algorithm: 'RSA',
      size: 2048,
      engine_id: 'aws-kms-prod',
      name: 'my-new-signing-key',
      tags: ['production', 'signing'],
      metadata: { purpose: 'certificate-signing', owner: 'pki-team' },
    });
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.body).sort()).toEqual(MEMBERS);
    expect(answer.body).toMatchObject({
      key_id: expect.stringMatching(/^key-[0-9a-f-]{36}$/) as string,
      pkcs11_uri: `pkcs11:token-id=aws-kms-prod;id=${answer.body.key_id};type=private`,
      name: 'my-new-signing-key',
      aliases: [],
      engine_id: 'aws-kms-prod',
      has_private_key: true,
      algorithm: 'RSA',
      size: 2048,
      tags: ['production', 'signing'],
      metadata: { purpose: 'certificate-signing', owner: 'pki-team' },
    });
    const pem = Buffer.from(answer.body.public_key, 'base64');
    expect((await openssl.print(['pkey', '-pubin', '-text', '-noout'], pem)).toString()).toContain(
      '2048 bit',
    );
  });

  it('imports a key file and answers with the key', async () => {
    const file = await openssl.generate('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048');
    const answer = await client.call<Key>('POST', '/api/kms/v1/keys/import', {
      private_key: file.toString('base64'),
      engine_id: 'golang',
      name: 'imported-legacy-key',
      tags: ['imported', 'legacy'],
      metadata: { source: 'legacy-system', imported_date: '2025-11-08' },
    });
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.body).sort()).toEqual(MEMBERS);
    expect(answer.body).toMatchObject({
      engine_id: 'golang',
      name: 'imported-legacy-key',
      tags: ['imported', 'legacy'],
      metadata: { source: 'legacy-system', imported_date: '2025-11-08' },
      algorithm: 'RSA',
      size: 2048,
      has_private_key: true,
    });
    expect(Buffer.from(answer.body.public_key, 'base64')).toEqual(await openssl.publicKey(file));
  });

  it('reads a key by its id', async () => {
    const answer = await get<Key>(`/api/kms/v1/keys/${ID}`);
    expect([answer.status, Object.keys(answer.body).sort()]).toEqual([200, MEMBERS]);
    expect(answer.body.key_id).toBe(ID);
  });

  it('renames a key', async () => {
    const answer = await client.call<Key>('PUT', '/api/kms/v1/keys/key-123/name', {
      name: 'updated-key-name',
    });
    expect([answer.status, answer.body.name]).toEqual([200, 'updated-key-name']);
    expect((await client.read('key-123')).name).toBe('updated-key-name');
  });

  it('replaces all tags', async () => {
    const tags = ['production', 'updated', 'v2', 'critical'];
    const answer = await client.call<Key>('PUT', '/api/kms/v1/keys/key-123/tags', { tags });
    expect([answer.status, answer.body.tags]).toEqual([200, tags]);
    expect(ids(await get<KeyPage>('/api/kms/v1/keys?filter=tags[contains]staging'))).toEqual([]);
    expect(ids(await get<KeyPage>('/api/kms/v1/keys?filter=tags[contains]critical'))).toEqual(['key-123']);
  });

  it('adds an alias, by which the key is then found', async () => {
    const answer = await client.call<Key>('PUT', '/api/kms/v1/keys/key-123/alias', {
      patches: [{ op: 'add', path: '/-', value: 'new-alias' }],
    });
    expect([answer.status, answer.body.aliases]).toEqual([200, ['new-alias']]);
    expect((await client.read('new-alias')).key_id).toBe('key-123');
  });

  it('changes metadata by a patch of three operations', async () => {
    const answer = await client.call<Key>('PUT', '/api/kms/v1/keys/key-123/metadata', {
      patches: [
        { op: 'add', path: '/new-field', value: 'new-value' },
        { op: 'replace', path: '/owner', value: 'new-owner' },
        { op: 'remove', path: '/old-field' },
      ],
    });
    expect(answer.status).toBe(200);
    expect(answer.body.metadata).toEqual({ 'new-field': 'new-value', owner: 'new-owner' });
  });

  it('deletes a key, which is then unknown', async () => {
    const answer = await client.call('DELETE', `/api/kms/v1/keys/${ID}`);
    expect([answer.status, answer.body]).toEqual([200, { status: 'deleted' }]);
    expect((await client.get(ID)).status).toBe(404);
  });

  it('refuses all of it without a token', async () => {
    for (const [method, path] of [
      ['GET', '/api/kms/v1/keys?limit=10&filter=algorithm[eq]RSA'],
      ['POST', '/api/kms/v1/keys'],
      ['POST', '/api/kms/v1/keys/import'],
      ['GET', `/api/kms/v1/keys/${ID}`],
      ['DELETE', `/api/kms/v1/keys/${ID}`],
      ['PUT', '/api/kms/v1/keys/key-123/name'],
      ['PUT', '/api/kms/v1/keys/key-123/tags'],
      ['PUT', '/api/kms/v1/keys/key-123/alias'],
      ['PUT', '/api/kms/v1/keys/key-123/metadata'],
    ] as const) {
      const { status, body } = await app.call(method, path);
      expect([path, status, body.code, body.err]).toEqual([path, 401, 'unauthenticated', body.detail]);
    }
  });
});
