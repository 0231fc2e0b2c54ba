// @ts-check
import { webcrypto } from 'node:crypto';

/**
 * What each kind of key is called by WebCrypto, which @peculiar/x509 speaks, and by Claviger.
 * `coordinateBytes` is the length of one half of a raw ECDSA signature.
 */
const KINDS = {
  'RSA 2048': rsa('RSASSA_PKCS1_V1_5_SHA_256'),
  'RSA 3072': rsa('RSASSA_PKCS1_V1_5_SHA_256'),
  'RSA 4096': rsa('RSASSA_PKCS1_V1_5_SHA_256'),
  'ECDSA 256': ecdsa('P-256', 'SHA-256', 'ECDSA_SHA_256', 32),
  'ECDSA 384': ecdsa('P-384', 'SHA-384', 'ECDSA_SHA_384', 48),
  'ECDSA 521': ecdsa('P-521', 'SHA-512', 'ECDSA_SHA_512', 66),
  'Ed25519 256': { algorithm: { name: 'Ed25519' }, signatureAlgorithm: 'ED25519', coordinateBytes: 0 },
};

/** @param {string} signatureAlgorithm */
function rsa(signatureAlgorithm) {
  return {
    algorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    signatureAlgorithm,
    coordinateBytes: 0,
  };
}

/**
 * @param {string} namedCurve
 * @param {string} hash
 * @param {string} signatureAlgorithm
 * @param {number} coordinateBytes
 */
function ecdsa(namedCurve, hash, signatureAlgorithm, coordinateBytes) {
  return { algorithm: { name: 'ECDSA', namedCurve, hash }, signatureAlgorithm, coordinateBytes };
}

/** A key that lives in Claviger: looks to @peculiar/x509 like a CryptoKey, holds no private bytes. */
export class RemoteKey {
  /**
   * @param {import('./claviger-client.mjs').ClavigerClient} client
   * @param {{ key_id: string, algorithm: string, size: number, public_key: string }} key as the API shows it
   * @param {'public' | 'private'} type
   */
  constructor(client, key, type) {
    const kind = KINDS[/** @type {keyof typeof KINDS} */ (`${key.algorithm} ${key.size}`)];
    if (!kind) throw new Error(`no certificates are issued here with ${key.algorithm} ${key.size}`);
    this.client = client;
    this.keyId = key.key_id;
    this.type = type;
    this.kind = kind;
    this.algorithm = {
      ...kind.algorithm,
      ...('hash' in kind.algorithm && { hash: { name: kind.algorithm.hash } }),
    };
    this.extractable = true;
    this.usages = [];
    const pem = Buffer.from(key.public_key, 'base64').toString();
    this.spki = Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  }

  get signingAlgorithm() {
    return this.kind.algorithm;
  }

  /** @param {ArrayBuffer} tbs the bytes to be signed */
  async sign(tbs) {
    const { signatureAlgorithm, coordinateBytes } = this.kind;
    const signature = await this.client.sign(this.keyId, signatureAlgorithm, Buffer.from(tbs));
    return coordinateBytes > 0 ? derToRaw(signature, coordinateBytes) : signature;
  }
}

/**
 * ECDSA-Sig-Value (RFC 3279) as r‖s: the library wants it so, and encodes it again.
 * @param {Buffer} der
 * @param {number} size
 */
function derToRaw(der, size) {
  let offset = der[1] === 0x81 ? 3 : 2;
  const halves = [0, 1].map(() => {
    const length = der[offset + 1] ?? 0;
    const integer = der.subarray(offset + 2, offset + 2 + length);
    offset += 2 + length;
    const magnitude = integer[0] === 0 ? integer.subarray(1) : integer;
    return Buffer.concat([Buffer.alloc(size - magnitude.length), magnitude]);
  });
  return Buffer.concat(halves);
}

/** @param {Buffer} bytes */
const toArrayBuffer = (bytes) => new Uint8Array(bytes).buffer;

/** WebCrypto for @peculiar/x509: remote keys sign by REST, everything else is Node's own. */
export const remoteCrypto = {
  getRandomValues: webcrypto.getRandomValues.bind(webcrypto),
  subtle: new Proxy(webcrypto.subtle, {
    get(target, property) {
      if (property === 'sign')
        return async (/** @type {any} */ _a, /** @type {RemoteKey} */ key, /** @type {ArrayBuffer} */ data) =>
          toArrayBuffer(await key.sign(data));
      if (property === 'exportKey')
        return async (/** @type {string} */ _f, /** @type {RemoteKey} */ key) => toArrayBuffer(key.spki);
      const value = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  }),
};
