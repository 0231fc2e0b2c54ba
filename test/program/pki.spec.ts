import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpClient } from './http-client.js';
import type { Program } from './program.js';
import { mustRun, runCommand } from './run-command.js';
import { Stage } from './stage.js';

const KEYS = '/api/kms/v1/keys';
const openssl = (...args: string[]): Promise<string> => mustRun('openssl', args);

/** Its exit code is 0 whatever it finds. */
async function expectSelfSigned(request: string): Promise<void> {
  const { out, err } = await runCommand('openssl', ['req', '-verify', '-noout', '-in', request]);
  expect(`${out}${err}`).toMatch(/^(Certificate request self-signature )?verify OK$/m);
}

describe('certificates, judged by openssl', () => {
  let stage: Stage;
  let program: Program;
  let client: HttpClient;
  let folder: string;
  const at = (name: string): string => join(folder, name);

  beforeAll(async () => {
    stage = await Stage.open();
    program = await stage.start();
    client = await stage.client(program);
    folder = join(stage.dataDir, 'pki-out');
    await mkdir(folder);
  });
  afterAll(() => stage.close());

  it('examples/pki makes CAs, requests and certificates that openssl accepts, without a private key of its own', async () => {
    const told = await mustRun(
      process.execPath,
      ['examples/pki/main.mjs', '--url', program.url, '--out', folder],
      stage.env,
      120_000,
    );
    const names = await readdir(folder);
    const kinds = ['ecdsa-256', 'ecdsa-384', 'ed25519', 'rsa-3072'];
    const files = ['ca.pem', 'certificate.pem', 'request.pem'];
    expect(names.sort()).toEqual(kinds.flatMap((kind) => files.map((file) => `${kind}-${file}`)).sort());
    for (const kind of kinds) {
      expect(told).toContain(`${kind}: CA, request and certificate`);
      expect(told).not.toContain('SEES');
      const [ca, certificate, request] = files.map((file) => at(`${kind}-${file}`)) as [
        string,
        string,
        string,
      ];
      await openssl('verify', '-x509_strict', '-CAfile', ca, '-purpose', 'sslserver', certificate);
      await openssl('verify', '-x509_strict', '-CAfile', ca, ca);
      await expectSelfSigned(request);
      const text = await openssl('x509', '-in', certificate, '-noout', '-text');
      expect(text).toContain(`DNS:${kind}.device.example.org`);
      // It is the requester's key that is certified, and not the CA's.
      const certified = await openssl('x509', '-in', certificate, '-noout', '-pubkey');
      expect(certified).toBe(await openssl('req', '-in', request, '-noout', '-pubkey'));
      expect(certified).not.toBe(await openssl('x509', '-in', ca, '-noout', '-pubkey'));
      for (const file of [ca, certificate, request])
        expect(await readFile(file, 'utf8')).not.toContain('PRIVATE KEY');
    }
    const owner = await stage.client(program, 'pki');
    expect((await owner.must(200, 'GET', `${KEYS}?limit=200`)).list).toHaveLength(2 * kinds.length);
  });

  it.each<[name: string, algorithm: string, option?: string, signatureAlgorithm?: string]>([
    ['RSA-2048', 'RSA', 'rsa_keygen_bits:2048'],
    ['RSA-3072 with PSS', 'RSA', 'rsa_keygen_bits:3072', 'RSASSA_PSS_SHA_384'],
    ['P-256', 'ECDSA', 'ec_paramgen_curve:P-256'],
    ['P-521 with SHA-256', 'ECDSA', 'ec_paramgen_curve:P-521', 'ECDSA_SHA_256'],
    ['secp256k1', 'ECDSA_SECP256K1', 'ec_paramgen_curve:secp256k1'],
    ['Ed25519', 'Ed25519'],
  ])('a key that openssl made (%s) is imported and signs its certificate request', async (...kind) => {
    const [name, algorithm, option, signatureAlgorithm] = kind;
    const family = algorithm.replace(/^ECDSA.*/, 'EC').toUpperCase();
    const options = option === undefined ? [] : ['-pkeyopt', option];
    await openssl('genpkey', '-algorithm', family, ...options, '-out', at(`${name}.key`));
    const pem = await readFile(at(`${name}.key`));
    const key = await client.must(201, 'POST', `${KEYS}/import`, {
      private_key: pem.toString('base64'),
      name: 'of openssl',
    });
    expect(key).toMatchObject({ algorithm, origin: 'imported', has_private_key: true });
    const publicKey = await openssl('pkey', '-in', at(`${name}.key`), '-pubout');
    expect(Buffer.from(key.public_key, 'base64').toString()).toBe(publicKey);

    const request = await client.must(200, 'POST', `${KEYS}/${key.key_id}/csr`, {
      subject: 'CN=device-17.example.org,O=Example',
      dns_names: ['device-17.example.org'],
      algorithm: signatureAlgorithm,
    });
    await writeFile(at(`${name}.csr`), request);
    await expectSelfSigned(at(`${name}.csr`));
    expect(await openssl('req', '-noout', '-pubkey', '-in', at(`${name}.csr`))).toBe(publicKey);
    expect(await openssl('req', '-noout', '-subject', '-in', at(`${name}.csr`))).toMatch(
      /CN ?= ?device-17\.example\.org, ?O ?= ?Example/,
    );
    expect(await openssl('req', '-noout', '-text', '-in', at(`${name}.csr`))).toContain(
      'DNS:device-17.example.org',
    );
  });

  it('openssl verifies what an imported key signs, and Claviger what openssl signs with it', async () => {
    await openssl(
      'genpkey',
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:P-384',
      '-out',
      at('both.key'),
    );
    await openssl('pkey', '-in', at('both.key'), '-pubout', '-out', at('both.pub'));
    const private_key = (await readFile(at('both.key'))).toString('base64');
    const { key_id } = await client.must(201, 'POST', `${KEYS}/import`, { private_key, name: 'both' });
    const message = Buffer.from('the main job on real input');
    await writeFile(at('message'), message);
    const body = { algorithm: 'ECDSA_SHA_384', message: message.toString('base64'), message_type: 'raw' };

    const { signature } = await client.must(200, 'POST', `${KEYS}/${key_id}/sign`, body);
    await writeFile(at('ours.sig'), Buffer.from(signature, 'base64'));
    await openssl('dgst', '-sha384', '-verify', at('both.pub'), '-signature', at('ours.sig'), at('message'));

    await openssl('dgst', '-sha384', '-sign', at('both.key'), '-out', at('theirs.sig'), at('message'));
    const theirs = (await readFile(at('theirs.sig'))).toString('base64');
    const ask = (of: typeof body): Promise<{ valid: boolean }> =>
      client.must(200, 'POST', `${KEYS}/${key_id}/verify`, { ...of, signature: theirs });
    expect((await ask(body)).valid).toBe(true);
    expect((await ask({ ...body, message: 'AAAA' })).valid).toBe(false);
  });
});
