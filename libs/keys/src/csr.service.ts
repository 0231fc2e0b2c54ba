import { isIP } from 'node:net';
import { type SignatureRow, findSignatureRow, formatSignature, type KeySpec } from '#crypto';
import { AppError, type RequestContext } from '#kernel';
import * as x509 from '@peculiar/x509';
import { parseDistinguishedName } from './distinguished-name.js';
import type { KeyDirectory, StoredKey } from './key-directory.js';
import { textFault } from './key-rules.js';
import { requireFit } from './signature-request.js';
import type { SigningService } from './signing.service.js';
import { engineKey } from './stored-engine-key.js';

export interface CsrInput {
  /** Distinguished name, RFC 4514. */
  readonly subject: string;
  readonly algorithm?: string;
  readonly dns_names?: readonly string[];
  readonly ip_addresses?: readonly string[];
  readonly email_addresses?: readonly string[];
  readonly uris?: readonly string[];
}

const WEB_CURVES: Readonly<Record<string, string | undefined>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
  secp256k1: 'K-256',
};

/** The algorithm a key of its kind usually signs certificate requests with. */
const USUAL: Readonly<Record<string, string | undefined>> = {
  RSA: 'RSASSA_PKCS1_V1_5_SHA_256',
  'ECDSA 256': 'ECDSA_SHA_256',
  'ECDSA 384': 'ECDSA_SHA_384',
  'ECDSA 521': 'ECDSA_SHA_512',
  ECDSA_SECP256K1: 'ECDSA_SECP256K1_SHA_256',
  Ed25519: 'ED25519',
};

const refuse = (path: string, message: string): AppError =>
  new AppError('validation_failed', { detail: `${path} ${message}.`, errors: [{ path, message }] });

/** Certificate requests (PKCS#10, RFC 2986) signed by keys that never leave. */
export class CsrService {
  constructor(
    private readonly directory: KeyDirectory,
    private readonly signing: SigningService,
  ) {}

  /** PEM. Throws `validation_failed`, `invalid_algorithm`, `unsupported_by_engine`, and as signing does. */
  async create(ctx: RequestContext, ref: string, input: CsrInput): Promise<string> {
    const name = parseSubject(input.subject);
    const extensions = subjectAlternativeNames(input);
    const asked = input.algorithm === undefined ? undefined : findSignatureRow(input.algorithm);
    if (input.algorithm !== undefined && !asked) {
      throw new AppError('invalid_algorithm', { detail: 'The signature algorithm is unknown.' });
    }
    const stored = await this.directory.get(ctx, ref);
    const { algorithm, size } = stored.key;
    const row = asked ?? findSignatureRow(USUAL[algorithm] ?? USUAL[`${algorithm} ${size}`] ?? '');
    if (!row)
      throw new AppError('unsupported_by_engine', {
        detail: `No certificate request can be made for ${algorithm} ${size}.`,
      });
    requireFit(row, stored.key);
    if (!stored.handle) throw new AppError('key_state', { detail: 'The key has no private part.' });
    const spec = engineKey(stored.key, stored.handle).spec;
    const signingAlgorithm = webAlgorithm(row, spec);
    const keys = keyPair(stored, signingAlgorithm);
    const request = await x509.Pkcs10CertificateRequestGenerator.create(
      { name, keys, signingAlgorithm, extensions } as never,
      this.#remoteCrypto(ctx, stored, row, spec) as never,
    );
    return request.toString('pem') + '\n';
  }

  /** What the generator takes for WebCrypto: it asks for the public key and for one signature. */
  #remoteCrypto(ctx: RequestContext, stored: StoredKey, row: SignatureRow, spec: KeySpec): object {
    return {
      subtle: {
        exportKey: () => Promise.resolve(toArrayBuffer(stored.key.spki)),
        sign: async (_algorithm: unknown, _key: unknown, data: ArrayBuffer) => {
          const request = {
            row,
            type: 'raw',
            data: Buffer.from(data),
            format: 'der',
            saltLength: 'hash',
          } as const;
          const der = await this.signing.signWith(ctx, stored, request, 'kms.key.csr');
          return toArrayBuffer(formatSignature(der, spec, 'raw'));
        },
      },
    };
  }
}

const toArrayBuffer = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer;

function parseSubject(text: string): x509.Name {
  const fault = textFault(text);
  if (fault) throw refuse('subject', fault);
  try {
    return new x509.Name(parseDistinguishedName(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw refuse(
      'subject',
      `${error.message}; a distinguished name (RFC 4514) is, for example, CN=example.org,O=Example`,
    );
  }
}

function subjectAlternativeNames(input: CsrInput): x509.Extension[] {
  const check = (
    path: string,
    list: readonly string[] | undefined,
    ok: (value: string) => boolean,
    what: string,
  ): void => {
    if (list?.every(ok) === false) throw refuse(path, `must be ${what}`);
  };
  const ascii = (value: string): boolean => /^[\x21-\x7e]+$/.test(value);
  check(
    'dns_names',
    input.dns_names,
    (v) =>
      /^(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(
        v,
      ),
    'host names',
  );
  check('ip_addresses', input.ip_addresses, (v) => isIP(v) !== 0 && !v.includes('%'), 'IP addresses');
  check(
    'email_addresses',
    input.email_addresses,
    (v) => ascii(v) && /^[^@]+@[^@]+$/.test(v),
    'mail addresses',
  );
  check('uris', input.uris, (v) => ascii(v) && URL.canParse(v), 'absolute URIs');
  const names = [
    ...(input.dns_names ?? []).map((value) => ({ type: 'dns', value }) as const),
    ...(input.ip_addresses ?? []).map((value) => ({ type: 'ip', value }) as const),
    ...(input.email_addresses ?? []).map((value) => ({ type: 'email', value }) as const),
    ...(input.uris ?? []).map((value) => ({ type: 'url', value }) as const),
  ];
  return names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [];
}

function webAlgorithm(row: SignatureRow, spec: KeySpec): Record<string, unknown> {
  const hash = row.hash && `SHA-${row.hash.slice(3)}`;
  if (row.scheme === 'pkcs1') return { name: 'RSASSA-PKCS1-v1_5', hash };
  if (row.scheme === 'pss') return { name: 'RSA-PSS', hash, saltLength: Number(row.hash?.slice(3)) / 8 };
  const namedCurve = spec.namedCurve && WEB_CURVES[spec.namedCurve];
  if (row.scheme === 'ecdsa' && namedCurve) return { name: 'ECDSA', namedCurve, hash };
  if (spec.keyType === 'ed25519') return { name: 'Ed25519' };
  throw new AppError('unsupported_by_engine', {
    detail: `No certificate request can be made for ${spec.algorithm} ${spec.size}.`,
  });
}

const keyPair = (stored: StoredKey, algorithm: Record<string, unknown>): Record<string, unknown> => {
  const withHash = { ...algorithm, hash: { name: algorithm['hash'] } };
  const half = (type: string) => ({
    type,
    extractable: true,
    usages: [],
    algorithm: algorithm['hash'] ? withHash : algorithm,
    keyId: stored.key.keyId,
  });
  return { publicKey: half('public'), privateKey: half('private') };
};
