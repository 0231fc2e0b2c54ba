import { AppError } from '#kernel';
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { LIMITS, memberFault, textFault } from './key-rules.js';

/** How a patch is applied: RFC 6902 to the letter, or forgiving (RFC 7240 `handling=lenient`). */
export type PatchHandling = 'strict' | 'lenient';

/** Intermediate documents may grow to this many characters; a chain of copies would else grow without end. */
const GROWTH_LIMIT = 4 * LIMITS.metadataBytes;
const INDEX = /^(?:0|[1-9][0-9]{0,8})$/;
const OPERATIONS = ['add', 'remove', 'replace', 'move', 'copy', 'test'];
const NEEDS_VALUE = ['add', 'replace', 'test'];
const NEEDS_FROM = ['move', 'copy'];
const MISSING = Symbol('missing');

type Json = unknown;

const refuse = (index: number, reason: string): AppError =>
  new AppError('invalid_patch', {
    detail: `Operation ${index}: ${reason}.`,
    errors: [{ path: `/patches/${index}`, message: reason }],
  });

/** Splits a JSON Pointer (RFC 6901); throws a reason. */
function tokens(pointer: unknown, name: string): string[] {
  if (typeof pointer !== 'string') throw new TypeError(`${name} must be a string`);
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw new TypeError(`${name} must be empty or begin with /`);
  if (/~(?![01])/.test(pointer)) throw new TypeError(`${name} has a ~ that is neither ~0 nor ~1`);
  const list = pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  for (const token of list) {
    const fault = memberFault(token) ?? textFault(token);
    if (fault) throw new TypeError(`${name} ${fault}`);
  }
  return list;
}

/** The child of `parent` named by `token`, or MISSING. Array indices are canonical decimal numbers. */
function child(parent: Json, token: string): Json | typeof MISSING {
  if (Array.isArray(parent)) {
    return INDEX.test(token) && Number(token) < parent.length ? (parent[Number(token)] as Json) : MISSING;
  }
  if (typeof parent !== 'object' || parent === null) return MISSING;
  return Object.hasOwn(parent, token) ? (parent as Record<string, Json>)[token] : MISSING;
}

const resolve = (document: Json, path: readonly string[]): Json | typeof MISSING =>
  path.reduce<Json | typeof MISSING>(
    (node, token) => (node === MISSING ? MISSING : child(node, token)),
    document,
  );

/** Where `add`, `move` and `copy` may put a value: an existing container, within its bounds. */
function checkTarget(document: Json, path: readonly string[]): void {
  if (path.length === 0) return;
  const parent = resolve(document, path.slice(0, -1));
  const last = path.at(-1)!;
  if (parent === MISSING || typeof parent !== 'object' || parent === null)
    throw new TypeError('the parent of path does not exist');
  if (Array.isArray(parent) && last !== '-' && !(INDEX.test(last) && Number(last) <= parent.length)) {
    throw new TypeError('path is no index of the array');
  }
}

/** Makes the objects that `add` lacks on its way (lenient handling only). */
function makeParents(document: Json, path: readonly string[]): void {
  let node = document;
  for (const token of path.slice(0, -1)) {
    const next = child(node, token);
    if (next === MISSING && typeof node === 'object' && node !== null && !Array.isArray(node)) {
      (node as Record<string, Json>)[token] = {};
    }
    node = child(node, token);
    if (node === MISSING) return;
  }
}

function checkOperation(document: Json, operation: Operation): void {
  const { op } = operation;
  const path = tokens(operation.path, 'path');
  if (NEEDS_VALUE.includes(op) && (operation as { value?: Json }).value === undefined)
    throw new TypeError('value is missing');
  if (NEEDS_FROM.includes(op)) {
    const from = tokens((operation as { from?: unknown }).from, 'from');
    if (resolve(document, from) === MISSING) throw new TypeError('from does not exist');
    if (op === 'move' && path.length > from.length && from.every((token, i) => token === path[i])) {
      throw new TypeError('a value cannot be moved into itself');
    }
  }
  if (['remove', 'replace', 'test'].includes(op)) {
    if (resolve(document, path) === MISSING) throw new TypeError('path does not exist');
  } else if (op !== 'move') {
    checkTarget(document, path);
  }
  if (op === 'remove' && path.length === 0) throw new TypeError('the whole document cannot be removed');
}

function applyOne(document: Json, operation: Operation, handling: PatchHandling): Json {
  if (typeof operation !== 'object' || operation === null || !OPERATIONS.includes(operation.op)) {
    throw new TypeError(`op must be one of ${OPERATIONS.join(', ')}`);
  }
  if (handling === 'lenient') {
    const path = tokens(operation.path, 'path');
    if (operation.op === 'add') makeParents(document, path);
    if (operation.op === 'remove' && resolve(document, path) === MISSING) return document;
  }
  checkOperation(document, operation);
  if (operation.op === 'move') return move(document, operation);
  const { newDocument } = fastJsonPatch.applyOperation(document, operation, false, false, true);
  return newDocument;
}

/** `move` is a removal and then an addition, so its target is checked in between (RFC 6902 §4.4). */
function move(document: Json, operation: Extract<Operation, { op: 'move' }>): Json {
  const from = tokens(operation.from, 'from');
  const value = resolve(document, from);
  if (operation.from === operation.path) return document;
  if (from.length === 0) throw new TypeError('the whole document cannot be moved');
  const without = fastJsonPatch.applyOperation(
    document,
    { op: 'remove', path: operation.from },
    false,
    false,
    true,
  ).newDocument;
  checkTarget(without, tokens(operation.path, 'path'));
  return fastJsonPatch.applyOperation(without, { op: 'add', path: operation.path, value }, false, false, true)
    .newDocument;
}

/**
 * Applies a JSON Patch (RFC 6902) to a copy of `document`, all operations or none.
 * Throws `invalid_patch` naming the operation and the reason.
 */
export function applyJsonPatch(document: Json, patches: readonly unknown[], handling: PatchHandling): Json {
  let result: Json = structuredClone(document);
  for (const [index, patch] of patches.entries()) {
    try {
      result = applyOne(result, structuredClone(patch) as Operation, handling);
    } catch (error) {
      if (error instanceof TypeError) throw refuse(index, error.message);
      if (error instanceof fastJsonPatch.JsonPatchError) {
        throw refuse(index, error.name === 'TEST_OPERATION_FAILED' ? 'the test failed' : 'cannot be applied');
      }
      throw error;
    }
    if (JSON.stringify(result ?? null).length > GROWTH_LIMIT)
      throw refuse(index, 'the document grows too large');
  }
  return result;
}
