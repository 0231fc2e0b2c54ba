// @ts-check
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { RemoteKey, remoteCrypto } from './remote-key.mjs';

const DAY_MS = 24 * 60 * 60 * 1_000;
const crypto = /** @type {any} */ (remoteCrypto);

/** A positive serial number of 127 random bits (RFC 5280 §4.1.2.2). */
const newSerialNumber = () => {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
};

/** @param {number} days */
const validity = (days) => ({
  notBefore: new Date(Date.now() - 60_000),
  notAfter: new Date(Date.now() + days * DAY_MS),
});

/** @typedef {import('./claviger-client.mjs').ClavigerClient} ClavigerClient */

/**
 * A self-signed CA certificate over a key in Claviger.
 * @param {ClavigerClient} client
 * @param {any} key
 * @param {string} name distinguished name
 */
export async function createCaCertificate(client, key, name) {
  const publicKey = new RemoteKey(client, key, 'public');
  const privateKey = new RemoteKey(client, key, 'private');
  return x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerialNumber(),
      name,
      ...validity(3_650),
      signingAlgorithm: /** @type {any} */ (privateKey.signingAlgorithm),
      keys: /** @type {any} */ ({ publicKey, privateKey }),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(/** @type {any} */ (publicKey), false, crypto),
      ],
    },
    crypto,
  );
}

/**
 * A certificate request for a device whose key is in Claviger.
 * @param {ClavigerClient} client
 * @param {any} key
 * @param {string} hostName
 */
export async function createRequest(client, key, hostName) {
  const publicKey = new RemoteKey(client, key, 'public');
  const privateKey = new RemoteKey(client, key, 'private');
  return x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: `CN=${hostName}`,
      keys: /** @type {any} */ ({ publicKey, privateKey }),
      signingAlgorithm: /** @type {any} */ (privateKey.signingAlgorithm),
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: hostName }])],
    },
    crypto,
  );
}

/**
 * Issues what a request asks for, after checking that its owner has the key. What the request says of itself is
 * taken for the name and the host name only; what the certificate is for is the CA's to say.
 * @param {ClavigerClient} client its token need not open more than the CA's key
 * @param {any} caKey
 * @param {x509.X509Certificate} ca
 * @param {x509.Pkcs10CertificateRequest} request
 */
export async function issueCertificate(client, caKey, ca, request) {
  if (!(await request.verify())) throw new Error('the request is not signed by the key in it');
  const signingKey = new RemoteKey(client, caKey, 'private');
  const names = request.extensions.filter(
    (extension) => extension instanceof x509.SubjectAlternativeNameExtension,
  );
  return x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerialNumber(),
      subject: request.subject,
      issuer: ca.subject,
      ...validity(90),
      publicKey: request.publicKey,
      signingKey: /** @type {any} */ (signingKey),
      signingAlgorithm: /** @type {any} */ (signingKey.signingAlgorithm),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(
          /** @type {any} */ (new RemoteKey(client, caKey, 'public')),
          false,
          crypto,
        ),
        await x509.SubjectKeyIdentifierExtension.create(request.publicKey, false),
        ...names,
      ],
    },
    crypto,
  );
}
