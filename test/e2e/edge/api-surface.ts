import { isPermission, type Permission } from '#kernel';
import type { TestApp } from '../../harness/app.js';

/** A method and path of the API, as its own description tells of it. */
export interface Operation {
  readonly operationId: string;
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly parameters: readonly string[];
  /** Absent: anybody may call it. */
  readonly permission?: Permission;
}

interface Described {
  readonly operationId: string;
  readonly 'x-permission'?: string;
  readonly security?: unknown;
}

/** Every operation that /openapi.json describes: a new route is covered without being named here. */
export async function readOperations(app: TestApp): Promise<Operation[]> {
  const { body } = await app.call<{ paths: Record<string, Record<string, Described>> }>(
    'GET',
    '/openapi.json',
  );
  return Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, 'x-permission': permission }]) => ({
      operationId,
      method: method.toUpperCase(),
      path,
      parameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? ''),
      ...(permission !== undefined && isPermission(permission) && { permission }),
    })),
  );
}

/** The path with every parameter filled in by `value`. */
export const fill = ({ path }: Pick<Operation, 'path'>, value: string): string =>
  path.replaceAll(/\{\w+\}/g, encodeURIComponent(value));

const SIGN = { algorithm: 'ECDSA_SHA_256', message: 'aGVsbG8=' };
const PATCHES = { patches: [{ op: 'add', path: '/-', value: 'another' }] };

/** A body that passes every check of its shape, so that what is answered depends on the key alone. */
const BODIES: Readonly<Record<string, unknown>> = {
  sign: SIGN,
  verify: { ...SIGN, signature: 'AAAA' },
  createCsr: { subject: 'CN=probe' },
  renameKey: { name: 'renamed' },
  replaceTags: { tags: ['probe'] },
  patchAliases: PATCHES,
  'patchAliases-aliases': PATCHES,
  patchMetadata: { patches: [{ op: 'add', path: '/probe', value: 1 }] },
};

/** A route that wants a body and has none here answers 400 where a test expects 404: add it above. */
export const bodyFor = ({ operationId }: Pick<Operation, 'operationId'>): unknown => BODIES[operationId];
