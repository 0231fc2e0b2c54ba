import { aliasFault } from './key-reference.js';

/** Bounds of what describes a key. */
export const LIMITS = Object.freeze({
  nameLength: 255,
  tags: 50,
  tagLength: 128,
  aliases: 50,
  metadataBytes: 16 * 1024,
  metadataDepth: 8,
  patches: 100,
  messageBytes: 512 * 1024,
  batch: 100,
});

const FORBIDDEN_MEMBERS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** PostgreSQL stores neither U+0000 nor unpaired surrogates; nor should a name contain them. */
export function textFault(value: string): string | undefined {
  if (value.includes('\0')) return 'must not contain U+0000';
  return value.isWellFormed() ? undefined : 'must not contain unpaired surrogates';
}

const boundedText = (value: unknown, max: number): string | undefined => {
  if (typeof value !== 'string') return 'must be a string';
  const length = [...value.slice(0, 2 * max + 2)].length;
  if (length < 1 || length > max) return `must be 1 to ${max} characters`;
  return textFault(value);
};

const eachOf = (
  value: unknown,
  max: number,
  fault: (item: unknown) => string | undefined,
): string | undefined => {
  if (!Array.isArray(value)) return 'must be an array';
  if (value.length > max) return `must have at most ${max} items`;
  for (const [index, item] of value.entries()) {
    const reason = fault(item);
    if (reason) return `item ${index} ${reason}`;
  }
  return undefined;
};

export const nameFault = (value: unknown): string | undefined => boundedText(value, LIMITS.nameLength);

export const tagsFault = (value: unknown): string | undefined =>
  eachOf(value, LIMITS.tags, (tag) => boundedText(tag, LIMITS.tagLength));

export function aliasesFault(value: unknown): string | undefined {
  const fault = eachOf(value, LIMITS.aliases, aliasFault);
  if (fault) return fault;
  const list = value as string[];
  return new Set(list).size === list.length ? undefined : 'must not name an alias twice';
}

/** Why a member name of metadata is refused, else undefined. */
export function memberFault(name: string): string | undefined {
  return FORBIDDEN_MEMBERS.has(name) ? `must not have a member named ${name}` : textFault(name);
}

function valueFault(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return textFault(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return 'must not contain numbers beyond the range of a double';
    const exact = !Number.isInteger(value) || Number.isSafeInteger(value);
    return exact ? undefined : 'must not contain integers beyond 2^53';
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > LIMITS.metadataDepth) return `must not be nested deeper than ${LIMITS.metadataDepth}`;
  for (const [name, member] of Object.entries(value)) {
    const fault = (Array.isArray(value) ? undefined : memberFault(name)) ?? valueFault(member, depth + 1);
    if (fault) return fault;
  }
  return undefined;
}

/** Depth counts objects and arrays: `{}` is 1. */
export function metadataFault(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object';
  const fault = valueFault(value, 1);
  if (fault) return fault;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  return bytes > LIMITS.metadataBytes ? `must be at most ${LIMITS.metadataBytes} bytes as JSON` : undefined;
}
