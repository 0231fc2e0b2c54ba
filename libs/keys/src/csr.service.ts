import { type SignatureRow, findSignatureRow, formatSignature, type KeySpec } from '#crypto';
import { AppError, invalidMember, type RequestContext } from '#kernel';
import * as x509 from '@peculiar/x509';
import { parseDistinguishedName } from './distinguished-name.js';
import type { KeyDirectory, StoredKey } from './key-directory.js';
import { textFault } from './key-rules.js';
import { requireFit } from './signature-request.js';
import type { SigningService } from './signing.service.js';
import { alternativeNamesExtension, type AlternativeNames } from './subject-alternative-names.js';

export interface CsrInput extends AlternativeNames {
  /** Distinguished name in the text form of RFC 4514; encoded in the order in which it is written. */
  readonly subject: string;
  readonly algorithm?: string;
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

/** Certificate requests (PKCS#10, RFC 2986) signed by keys that never leave. */
export class CsrService {
  constructor(
    private readonly directory: KeyDirectory,
    private readonly signing: SigningService,
  ) {}

  /** PEM. Throws `validation_failed`, `invalid_algorithm`, `unsupported_by_engine`, and as signing does. */
  async create(ctx: RequestContext, ref: string, input: CsrInput): Promise<string> {
    const name = parseSubject(input.subject);
    const extensions = alternativeNamesExtension(input);
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
    if (!stored.target) throw new AppError('key_state', { detail: 'The key has no private part.' });
    const { spec } = stored.target;
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
  if (fault) throw invalidMember('subject', fault);
  try {
    const name = new x509.Name(parseDistinguishedName(text));
    name.toArrayBuffer();
    return name;
  } catch (error) {
    // What the parser lets pass and the encoder does not is the caller's doing as well.
    const reason = error instanceof SyntaxError ? error.message : 'cannot be encoded';
    throw invalidMember(
      'subject',
      `${reason}; a distinguished name (RFC 4514) is, for example, CN=example.org,O=Example`,
    );
  }
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
