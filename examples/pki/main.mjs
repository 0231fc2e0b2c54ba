// @ts-check
/*
 * An internal PKI whose private keys never leave Claviger: for RSA, ECDSA and Ed25519 a CA certificate, a request
 * and a certificate issued for it. See README.md beside this file.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ClavigerClient } from './claviger-client.mjs';
import { createCaCertificate, createRequest, issueCertificate } from './certificates.mjs';

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8080' },
    tenant: { type: 'string', default: 'pki' },
    out: { type: 'string', default: 'pki-out' },
  },
});

/** @param {string[]} args */
const mintToken = (...args) =>
  execFileSync('npm', ['run', '--silent', 'claviger', '--', 'token', '--tenant', values.tenant, ...args], {
    encoding: 'utf8',
  }).trim();

const KINDS = [
  { algorithm: 'RSA', size: 3072 },
  { algorithm: 'ECDSA', size: 256 },
  { algorithm: 'ECDSA', size: 384 },
  { algorithm: 'Ed25519' },
];

const administrator = new ClavigerClient(
  values.url,
  mintToken('--scope', 'kms:keys:read kms:keys:write kms:keys:sign', '--subject', 'pki-administrator'),
);
mkdirSync(values.out, { recursive: true });

for (const kind of KINDS) {
  const label = [kind.algorithm, kind.size].filter(Boolean).join('-').toLowerCase();
  const hostName = `${label}.device.example.org`;
  const caKey = await administrator.createKey({ ...kind, name: `CA ${label}`, tags: ['ca'] });
  const deviceKey = await administrator.createKey({ ...kind, name: `device ${label}`, tags: ['device'] });

  // The CA itself holds a token that signs with its one key and knows of no other.
  const ca = new ClavigerClient(
    values.url,
    mintToken('--scope', 'kms:keys:read kms:keys:sign', '--subject', `ca-${label}`, '--key', caKey.key_id),
  );
  const caCertificate = await createCaCertificate(ca, caKey, `CN=Example Root ${label}, O=Example`);
  const request = await createRequest(administrator, deviceKey, hostName);
  const certificate = await issueCertificate(ca, caKey, caCertificate, request);

  const files = { 'ca.pem': caCertificate, 'request.pem': request, 'certificate.pem': certificate };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(values.out, `${label}-${name}`), `${content.toString('pem')}\n`);
  }
  const denied = await ca.getKey(deviceKey.key_id).then(
    () => 'SEES the device key',
    (error) => (/not_found/.test(error.message) ? 'cannot see the device key' : error.message),
  );
  console.log(`${label}: CA, request and certificate in ${values.out}; the CA's token ${denied}`);
}
