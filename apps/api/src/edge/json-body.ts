import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { AppError } from '#kernel';
import { excessOf } from './json-bounds.js';

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/gi;

/** JSON in UTF-8 (RFC 8259 §8.1) is the one thing that is read. An empty body is none, whatever its header says. */
export function readJsonOnly(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    const bytes = body as Buffer;
    const fault = encodingFault(request.headers);
    if (fault) return done(fault);
    if (!isUtf8(bytes)) {
      return done(new AppError('malformed_request', { detail: 'The body is not valid UTF-8.' }));
    }
    const text = bytes.toString('utf8');
    const excess = excessOf(text);
    if (excess) return done(new AppError('validation_failed', { detail: `The body ${excess}.` }));
    return parse(request, text, (error, value) =>
      done(error && (isJson(text) ? forbiddenMember() : error), value),
    );
  });
}

/** Taken for plain UTF-8, a body of another encoding would at best be malformed and at worst mean something else. */
function encodingFault(headers: IncomingHttpHeaders): AppError | undefined {
  // What nearly every request says.
  if (headers['content-type'] === 'application/json' && headers['content-encoding'] === undefined)
    return undefined;
  const refuse = (detail: string): AppError => new AppError('unsupported_media_type', { detail });
  const coding = headers['content-encoding'] ?? 'identity';
  if (coding.trim().toLowerCase() !== 'identity') return refuse('Send the body without a Content-Encoding.');
  for (const [, charset = ''] of (headers['content-type'] ?? '').matchAll(CHARSET)) {
    if (!/^utf-?8$/i.test(charset)) return refuse('Send the body in UTF-8.');
  }
  return undefined;
}

const forbiddenMember = (): AppError =>
  new AppError('malformed_request', {
    detail: 'The body has a forbidden member: __proto__ or constructor.prototype.',
  });

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
