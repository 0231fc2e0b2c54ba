import type { ApiBodyOptions } from '@nestjs/swagger';
import { SIGNATURE_TABLE } from '#crypto';

/*
 * The hot routes are checked by schemas compiled once (ajv) instead of DTO classes: 60 µs a request less.
 * The same objects describe them in the OpenAPI document. The length of messages and signatures is not theirs: too
 * long a message is answered 413, and too long a signature is a wrong one.
 */

type SchemaObject = Extract<ApiBodyOptions, { schema: unknown }>['schema'];

/** By the key whose public half is the example of KeyDto, over `hello`. */
const SIGNATURE =
  'MEYCIQCEM0oThNsBqKysdP+telk0wTozb5w9IUSCVi4JqRci1wIhAKzf8HN6HoWozA4elBm4MosPb1bnh6zRqhkCJNcKEK3B';
const names = SIGNATURE_TABLE.map((row) => row.name).join(', ');

const request = {
  algorithm: {
    type: 'string',
    maxLength: 64,
    description: `One of ${names}, or its Go or JWS name.`,
    examples: ['ECDSA_SHA_256'],
  },
  message: {
    type: 'string',
    description: 'Base64 of the message (at most 512 KiB) or of its digest.',
    examples: ['aGVsbG8='],
  },
  message_type: {
    type: 'string',
    maxLength: 16,
    description:
      'raw (the default): Claviger hashes; hash or digest: the message is the digest. In any case.',
    examples: ['raw'],
  },
  signature_format: {
    type: 'string',
    enum: ['der', 'raw', 'jws'],
    description: 'For ECDSA: der (the default), raw r‖s, or r‖s in base64url.',
  },
  salt_length: {
    oneOf: [
      { type: 'string', enum: ['auto', 'hash'] },
      { type: 'integer', minimum: 0, maximum: 512 },
    ],
    description:
      'For RSASSA-PSS: the digest length (hash, the default), a number of bytes, or for verification auto.',
  },
} as const;

const object = (required: readonly string[], properties: object): SchemaObject =>
  ({ type: 'object', additionalProperties: false, required, properties }) as SchemaObject;

export const SIGN_BODY = object(['algorithm', 'message'], request);

export const SIGN_ANSWER = object(['signature'], {
  signature: {
    type: 'string',
    description: 'Base64; base64url for the jws format.',
    examples: [SIGNATURE],
  },
});

export const VERIFY_BODY = object(['algorithm', 'message', 'signature'], {
  ...request,
  signature: {
    type: 'string',
    description: 'Base64 or base64url. What decodes is answered, however long it is.',
    examples: [SIGNATURE],
  },
});

export const VERIFY_ANSWER = object(['valid'], {
  valid: { type: 'boolean' },
  error: { type: 'string', description: 'Why not, where it is not.' },
});

export const BATCH_BODY: SchemaObject = {
  type: 'array',
  minItems: 1,
  maxItems: 100,
  items: object(['key', 'algorithm', 'message'], {
    key: {
      type: 'string',
      maxLength: 512,
      description: 'Key id, alias or PKCS#11 URI.',
      examples: ['prod-key'],
    },
    reference: {
      type: 'string',
      maxLength: 256,
      description: 'Echoed in the answer.',
      examples: ['invoice-17'],
    },
    ...request,
  }),
};

export const BATCH_ANSWER: SchemaObject = {
  type: 'array',
  items: object([], {
    reference: { type: 'string' },
    signature: { type: 'string' },
    err: { type: 'string' },
    code: { type: 'string' },
  }),
};
