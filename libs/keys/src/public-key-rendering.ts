import { spkiToJwk, spkiToPem } from '#crypto';
import { AppError } from '#kernel';
import type { KeyEntity } from './key.entity.js';

type Renderer = (key: KeyEntity) => Buffer | string;

const jwk: Renderer = (key) => JSON.stringify({ kid: key.keyId, ...spkiToJwk(key.spki) });

/** By media type; the first is what callers get who do not care. */
const RENDERERS: readonly (readonly [string, Renderer])[] = [
  ['application/x-pem-file', (key) => spkiToPem(key.spki)],
  ['application/pkix-spki', (key) => key.spki],
  ['application/jwk+json', jwk],
  ['application/json', jwk],
];

/** The media ranges of an Accept header, most wanted first (RFC 9110 §12.5.1). */
function acceptedRanges(accept: string): string[] {
  return accept
    .split(',')
    .map((part) => {
      const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith('q='));
      return { range, quality: quality ? Number(quality.slice(2)) : 1 };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ range }) => range);
}

/** The public key in the form that `accept` asks for. Throws `not_acceptable`. */
export function renderPublicKey(
  key: KeyEntity,
  accept = '*/*',
): { contentType: string; body: Buffer | string } {
  for (const range of acceptedRanges(accept.slice(0, 1_024))) {
    const match = RENDERERS.find(
      ([type]) => range === '*/*' || range === type || range === `${type.split('/')[0]}/*`,
    );
    if (match) return { contentType: match[0], body: match[1](key) };
  }
  const types = RENDERERS.map(([type]) => type).join(', ');
  throw new AppError('not_acceptable', { detail: `The public key can be had as ${types}.` });
}
